import Delivery
import EventModel
import PluginHost
import Synchronization
import WorkerProtocol

/// Does what one plugin asks of the host, on the terms of the configuration as it is now.
///
/// A plugin's own requests pass the same gates as everybody's: the addresses that its manifest permits, the guard against
/// private networks, redirects that are checked, secrets put in by the host and masked in what comes back.
final class PluginBroker: Sendable {
    /// What holds now.
    struct Terms: Sendable {
        var policy: TargetPolicy
        var secrets: SecretBook
        var transport: Result<Transport, Transport.Hindrance>
    }

    private struct State {
        var terms: Terms
        /// Knows replaced values too.
        var secrets: HeldSecrets
    }

    private let sender: Sender
    private let state: Mutex<State>

    init(sender: Sender, terms: Terms) {
        self.sender = sender
        state = Mutex(State(terms: terms, secrets: HeldSecrets(terms.secrets)))
    }

    func set(_ terms: Terms) {
        state.withLock { state in
            state.terms = terms
            state.secrets.take(terms.secrets)
        }
    }

    /// What the plugin's session is given.
    var calls: HostCalls {
        HostCalls(
            fetch: { [self] requests, limit, bodyBytes in await fetch(requests, limit, bodyBytes) },
            reference: { [self] name in reference(name) }
        )
    }

    // MARK: Fetching

    private func fetch(_ requests: [PluginRequest], _ limit: Duration, _ bodyBytes: Int) async -> [InputResponse] {
        let state = state.withLock { $0 }
        return await withTaskGroup(of: (Int, InputResponse).self) { group in
            for (place, request) in requests.enumerated() {
                group.addTask { [sender] in
                    (place, await Self.answer(request, state, limit, bodyBytes, sender))
                }
            }
            var answers: [InputResponse?] = Array(repeating: nil, count: requests.count)
            for await (place, answer) in group { answers[place] = answer }
            return answers.compactMap(\.self)
        }
    }

    private static func answer(
        _ request: PluginRequest,
        _ state: State,
        _ limit: Duration,
        _ bodyBytes: Int,
        _ sender: Sender
    ) async -> InputResponse {
        let outbound: OutboundRequest
        do throws(DeliveryError) {
            outbound = try OutboundRequest(request, state.terms, limit)
        } catch {
            return .refused(request, error.description)
        }
        switch state.terms.transport {
        case .failure(let hindrance): return .refused(request, hindrance.words)
        case .success(let transport):
            let outbound = outbound.travelling(by: transport)
            let exchange = await sender.fetch(outbound, with: state.secrets, bodyBytes: bodyBytes)
            var response = InputResponse(exchange, tag: request.tag)
            if response.status == 0 { response.body = Array(exchange.attempt.text.utf8)[...] }
            return response
        }
    }

    // MARK: Secrets

    private func reference(_ name: String) -> Result<String, CallRefusal> {
        let book = state.withLock { $0.secrets.book }
        guard book.permits(name) else { return .failure(.denied) }
        return book.word(of: name).map { .success($0) } ?? .failure(.invalid)
    }
}

extension OutboundRequest {
    fileprivate init(
        _ request: PluginRequest,
        _ terms: PluginBroker.Terms,
        _ limit: Duration
    ) throws(DeliveryError) {
        var headers = request.headers.map { Header(name: $0.name, value: $0.value) }
        if !request.contentType.isEmpty { headers.append(Header(name: "Content-Type", value: request.contentType)) }
        let asked = Duration.milliseconds(request.timeoutMilliseconds)
        try self.init(
            method: request.method,
            url: request.url,
            headers: headers,
            body: request.body,
            secret: request.authReference,
            idempotencyKey: request.idempotencyKey,
            timeout: asked > .zero ? min(asked, limit) : limit,
            policy: terms.policy,
            book: terms.secrets
        )
    }
}

extension InputResponse {
    /// The answer to a request that the host does not send; its body says why.
    fileprivate static func refused(_ request: PluginRequest, _ reason: String) -> InputResponse {
        InputResponse(tag: request.tag, status: 0, transportError: 8, body: Array(reason.utf8)[...])
    }
}
