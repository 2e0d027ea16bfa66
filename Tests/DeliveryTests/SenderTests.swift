import Delivery
import EventModel
import Synchronization
import TestSupport
import Testing

@Suite struct SenderTests {
    private func exchange(
        _ reaction: RecordingServer.Reaction,
        timeout: Duration = .seconds(10),
        mask: SecretMask = .none
    ) async throws -> Sender.Exchange {
        try await RecordingServer.with({ _ in reaction }) { server in
            try await withSender { sender in
                await sender.send(try request(to: server.url + "/hook", timeout: timeout), attempt: 3, mask: mask)
            }
        }
    }

    @Test func `A request arrives as it was built`() async throws {
        try await RecordingServer.with { server in
            try await withSender { sender in
                let exchange = await sender.send(try request(to: server.url + "/hook?a=b"), attempt: 1)
                #expect(exchange.answer == .delivered)
                #expect(exchange.attempt.result == .status(200) && exchange.attempt.number == 1)
                #expect(exchange.attempt.at > 1_700_000_000_000_000)
            }
            let received = try #require(server.requests.first)
            #expect(received.method == "POST" && received.uri == "/hook?a=b" && received.text == "{\"a\":1}")
            #expect(received.header("user-agent") == "Leat/1.2.3")
            #expect(received.header("content-type") == "application/json")
            #expect(received.header("idempotency-key") == "0123")
            #expect(received.header("host") == "127.0.0.1:\(server.port)")
        }
    }

    @Test func `All tries of a request are one trace, each a span of its own`() async throws {
        try await RecordingServer.with { server in
            try await withSender { sender in
                for number in 1...3 { _ = await sender.send(try request(to: server.url), attempt: number) }
                let own = OutboundRequest.Header(name: "Traceparent", value: "the connector's")
                _ = await sender.send(try request(to: server.url, headers: [own]), attempt: 1)
            }
            let traces = server.requests.compactMap { $0.header("traceparent")?.split(separator: "-") }
            #expect(traces.count == 4 && traces[3] == ["the connector's"])
            for trace in traces.prefix(3) {
                #expect(trace.count == 4 && trace[0] == "00" && trace[3] == "01")
                #expect(trace[1] == Substring(testTrace.description))
                #expect(trace[2].count == 16 && trace[2].allSatisfy { $0.isHexDigit && !$0.isUppercase })
            }
            #expect(Set(traces.prefix(3).map { $0[2] }).count == 3)
        }
    }

    @Test func `Connections are used again`() async throws {
        try await RecordingServer.with { server in
            try await withSender { sender in
                for number in 1...20 {
                    _ = await sender.send(try request(to: server.url), attempt: number)
                }
            }
            #expect(Set(server.requests.map(\.connection)).count == 1)
        }
    }

    @Test func `A server that asks to wait is understood`() async throws {
        let exchange = try await exchange(.answer(429, headers: [("Retry-After", "17")], body: "slow down"))
        #expect(exchange.answer == .throttled(after: .seconds(17)))
        #expect(exchange.attempt.text == "slow down" && exchange.attempt.code == "http_429")
    }

    @Test func `A redirect is not followed`() async throws {
        try await RecordingServer.with { other in
            let exchange = try await exchange(.answer(302, headers: [("Location", other.url)]))
            #expect(exchange.answer == .refused(divisible: false))
            #expect(other.requests.isEmpty)
        }
    }

    @Test func `A server that hangs up, says nothing, stops in the middle or talks nonsense is tried again`()
        async throws
    {
        #expect(try await exchange(.hangUp).attempt.result == .fault(.reset))
        #expect(try await exchange(.silence, timeout: .milliseconds(200)).attempt.result == .fault(.timeout))
        #expect(try await exchange(.stall, timeout: .milliseconds(200)).attempt.result == .fault(.timeout))
        let garbage = try await exchange(.garbage)
        #expect(garbage.attempt.result == .fault(.garbage) && garbage.answer == .retry(after: nil))
    }

    @Test func `A port that nobody listens on is a refused connection`() async throws {
        // One that nothing else takes meanwhile.
        try await withSender { sender in
            let exchange = await sender.send(try request(to: "http://127.0.0.1:9/"), attempt: 1)
            #expect(exchange.attempt.result == .fault(.refused))
        }
    }

    @Test func `An answer without an end is cut off and its status counts`() async throws {
        let exchange = try await exchange(.endless)
        #expect(exchange.attempt.result == .status(500))
        #expect(exchange.attempt.text.utf8.count == Attempt.maximumText)
    }

    @Test func `Secrets that an answer repeats are masked`() async throws {
        let exchange = try await exchange(
            .answer(400, body: "invalid key sk-live-123456"),
            mask: SecretMask([#require(SecretValue(Array("sk-live-123456".utf8)))])
        )
        #expect(exchange.attempt.text == "invalid key •••")
    }
}

/// A sender that is shut down whatever happens; it may send to this machine, and names lead where `lookup` says.
func withSender<Result>(
    allowing ranges: [String] = ["127.0.0.0/8"],
    freshness: Duration = .seconds(30),
    lookup: @escaping Resolver.Lookup = { SystemLookup.ask($0) },
    _ body: (Sender) async throws -> Result
) async throws -> Result {
    let sender = Sender(
        version: "1.2.3",
        guarding: TargetGuard(allowing: ranges.compactMap { AddressRange($0) }),
        resolver: Resolver(lookup),
        freshness: freshness
    )
    do {
        let result = try await body(sender)
        try await sender.shutdown()
        return result
    } catch {
        try? await sender.shutdown()
        throw error
    }
}

func request(
    to url: String,
    method: String = "POST",
    headers: [OutboundRequest.Header] = [.init(name: "Content-Type", value: "application/json")],
    body: String = "{\"a\":1}",
    timeout: Duration = .seconds(10),
    policy: TargetPolicy = .open,
    transport: Transport = .standard
) throws -> OutboundRequest {
    try OutboundRequest(
        method: method,
        url: url,
        headers: headers,
        body: Array(body.utf8)[...],
        secret: "",
        idempotencyKey: "0123",
        timeout: timeout,
        policy: policy,
        trace: testTrace
    ).travelling(by: transport)
}

/// The key of some event.
let testTrace = IdempotencyKey(
    destination: DestinationID(rawValue: 1),
    partition: PartitionID(source: SourceID(rawValue: 1), generation: 0, number: 0),
    offset: 7,
    part: 0
)
