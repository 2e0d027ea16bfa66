import Delivery
import Synchronization
import TestSupport
import Testing

@Suite struct SenderTests {
    private func exchange(
        _ reaction: RecordingServer.Reaction,
        timeout: Duration = .seconds(10),
        mask: SecretMask = SecretMask()
    ) async throws -> Sender.Exchange {
        try await RecordingServer.with({ _ in reaction }) { server in
            try await withSender(mask: mask) { sender in
                await sender.send(try request(to: server.url + "/hook", timeout: timeout), attempt: 3)
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
        #expect(exchange.answer == .retry(after: .seconds(17)))
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
        let port = try await RecordingServer.with { $0.port }
        try await withSender { sender in
            let exchange = await sender.send(try request(to: "http://127.0.0.1:\(port)/"), attempt: 1)
            #expect(exchange.attempt.result == .fault(.refused))
        }
    }

    @Test func `A name that nobody knows is tried again`() async throws {
        try await withSender { sender in
            let exchange = await sender.send(try request(to: "http://no-such-host.invalid/"), attempt: 1)
            guard case .fault = exchange.attempt.result else {
                Issue.record("\(exchange.attempt)")
                return
            }
            #expect(exchange.answer == .retry(after: nil))
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
            mask: SecretMask(secrets: ["sk-live-123456"])
        )
        #expect(exchange.attempt.text == "invalid key •••")
    }
}

/// A sender that is shut down whatever happens.
func withSender<Result>(
    mask: SecretMask = SecretMask(),
    _ body: (Sender) async throws -> Result
) async throws -> Result {
    let sender = Sender(version: "1.2.3", mask: mask)
    do {
        let result = try await body(sender)
        try await sender.shutdown()
        return result
    } catch {
        try? await sender.shutdown()
        throw error
    }
}

func request(to url: String, body: String = "{\"a\":1}", timeout: Duration = .seconds(10)) throws -> OutboundRequest {
    try OutboundRequest(
        method: "POST",
        url: url,
        headers: [.init(name: "Content-Type", value: "application/json")],
        body: Array(body.utf8)[...],
        secret: "",
        idempotencyKey: "0123",
        timeout: timeout
    )
}
