import Delivery
import EventModel
import PluginHost
import Synchronization
import WorkerProtocol

/// How a connector is asked what an answer of its destination means.
extension LanePlan {
    /// How long an answer may wait for its connector; then the host's own table holds.
    static let judgementTime = Duration.seconds(10)

    /// Whom to ask about the answers to a request; nil where the connector wants to see none.
    func judge(of outgoing: Outgoing) -> Courier.Judge? {
        guard !classifies.isEmpty else { return nil }
        let connector = connector
        let (tag, places) = (outgoing.content.tag, outgoing.content.events)
        return Courier.Judge(patterns: classifies) { exchange in
            let response = InputResponse(exchange, tag: tag)
            let said = await Self.within(Self.judgementTime) { () async -> [Classification]? in
                do throws(PluginError) {
                    return try await connector.classify([response])
                } catch {
                    return nil
                }
            }
            return said.flatMap { Judgement.all(of: $0, events: places) }
        }
    }

    /// What `work` gives, or nil once the time is up; it is then left to end by itself.
    private static func within<Value: Sendable>(
        _ bound: Duration,
        _ work: @escaping @Sendable () async -> Value?
    ) async -> Value? {
        let (values, value) = AsyncStream.makeStream(of: Value?.self, bufferingPolicy: .bufferingOldest(1))
        // Not a child: nobody waits for a plugin that has run out of its time.
        let working = Task { value.yield(await work()) }
        // Ends with the first value, by cancellation.
        let timer = Task {
            try? await Task.sleep(for: bound, clock: .continuous)
            value.yield(nil)
        }
        defer {
            working.cancel()
            timer.cancel()
        }
        for await value in values { return value }
        return nil
    }
}

extension InputResponse {
    /// An answer as its connector sees it.
    init(_ exchange: Sender.Exchange, tag: UInt64) {
        let attempt = exchange.attempt
        var status: Int32 = 0
        var fault: Int32 = 0
        switch attempt.result {
        case .status(let number): status = Int32(clamping: number)
        case .fault(let cause): fault = cause.number
        }
        self.init(
            tag: tag,
            status: status,
            transportError: fault,
            attempt: UInt32(clamping: attempt.number),
            headers: exchange.headers.map { ($0.name, $0.value) },
            body: exchange.body[...],
            isCut: exchange.isCut
        )
    }
}

extension Judgement {
    /// One judgement for each event of a request, in the order of the log; nil when the connector said nothing of one.
    ///
    /// `events` are the request's own, in the order in which the connector numbers them.
    static func all(of said: [Classification], events: [Int]) -> [Judgement]? {
        var judgements: [Judgement?] = Array(repeating: nil, count: events.count)
        for one in said {
            let judgement = Judgement(one)
            if let event = one.event {
                if judgements.indices.contains(event) { judgements[event] = judgement }
            } else {
                // What is said of one event outweighs what is said of all.
                for place in judgements.indices where judgements[place] == nil { judgements[place] = judgement }
            }
        }
        let known = judgements.compactMap { $0 }
        guard known.count == events.count else { return nil }
        return zip(events, known).sorted { $0.0 < $1.0 }.map(\.1)
    }

    private init(_ said: Classification) {
        switch said.verdict {
        case .delivered: self = .delivered
        case .retry:
            let bound = UInt64(RetryAfter.longest / .milliseconds(1))
            let after = said.retryAfterMilliseconds.map { Duration.milliseconds(Int64(min($0, bound))) }
            self = .retry(after: after, code: said.code, message: said.message)
        case .permanent: self = .refused(code: said.code, message: said.message)
        }
    }
}
