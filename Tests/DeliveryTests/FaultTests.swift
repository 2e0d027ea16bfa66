import Delivery
import EventModel
import TestSupport
import Testing

/// What a server may do to a request, and what it is called.
@Suite struct FaultTests {
    private func exchange(
        timeout: Duration = .milliseconds(500),
        _ script: @escaping MisbehavingServer.Script
    ) async throws -> Sender.Exchange {
        try await MisbehavingServer.with(script) { (server) async throws in
            try await withSender { sender in
                let start = ContinuousClock.now
                let exchange = await sender.send(try request(to: server.url, timeout: timeout), attempt: 1)
                // A loaded machine is late, but nothing may take as long as the server would like.
                #expect(ContinuousClock.now - start < timeout + .seconds(10))
                return exchange
            }
        }
    }

    @Test func `A connector is told the number of a failure that its contract names, and 9 of every other`() {
        let named: [TransportFault] = [
            .nameNotFound, .refused, .connectTimeout, .tls, .reset, .timeout, .garbage,
            .targetPrivate,
        ]
        #expect(named.map(\.number) == [1, 2, 3, 4, 5, 6, 7, 8] && TransportFault.certificate.number == 4)
        let others = Set(TransportFault.allCases).subtracting(named + [.certificate, .secret])
        #expect(others.contains(.proxyLogin) && others.allSatisfy { $0.number == 9 })
    }

    @Test func `Slow headers and a slow body end with the request's time`() async throws {
        let silent = try await exchange { _ in [] }
        #expect(silent.attempt.result == .fault(.timeout))
        let dripping = try await exchange { _ in
            [.say("HTTP/1.1 200 OK\r\n"), .drip("X-More: 1\r\n", milliseconds: 20)]
        }
        #expect(dripping.attempt.result == .fault(.timeout))
        let slow = try await exchange { _ in
            [.say("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), .drip("x", milliseconds: 20)]
        }
        #expect(slow.attempt.result == .fault(.timeout))
        #expect([silent, dripping, slow].allSatisfy { $0.answer == .retry(after: nil) })
    }

    @Test func `Half an answer is no answer, whatever its status was`() async throws {
        for half in [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Le",
        ] {
            let exchange = try await exchange(timeout: .seconds(10)) { _ in [.say(half), .close] }
            #expect(exchange.answer == .retry(after: nil))
            #expect(
                [.fault(.truncated), .fault(.reset)].contains(exchange.attempt.result),
                "\(half): \(exchange.attempt)"
            )
        }
    }

    @Test func `A reset before, in and after the head is a reset`() async throws {
        for said in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"] {
            let exchange = try await exchange(timeout: .seconds(10)) { _ in
                (said.isEmpty ? [] : [.say(said), .pause(milliseconds: 50)]) + [.reset]
            }
            #expect(
                [.fault(.reset), .fault(.truncated)].contains(exchange.attempt.result),
                "\(said): \(exchange.attempt)"
            )
        }
    }

    @Test func `More body than was announced belongs to nobody`() async throws {
        let script: MisbehavingServer.Script = { _ in
            [.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n")]
        }
        try await MisbehavingServer.with(script) { (server) async throws in
            try await withSender { sender in
                let request = try request(to: server.url, timeout: .seconds(10))
                var delivered = 0
                for number in 1...10 {
                    // What came unasked is nobody's answer: at worst it costs a try with the connection it came over.
                    let result = await sender.send(request, attempt: number).attempt.result
                    if case .fault = result { continue }
                    #expect(result == .status(200))
                    delivered += 1
                }
                #expect(delivered > 0)
            }
        }
    }

    @Test func `Two lengths, a negative one and two framings are not believed`() async throws {
        for fields in [
            "Content-Length: 2\r\nContent-Length: 3", "Content-Length: -1", "Content-Length: x",
            "Content-Length: 2\r\nTransfer-Encoding: chunked",
        ] {
            let exchange = try await exchange(timeout: .seconds(2)) { _ in
                [.say("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\nokx"), .close]
            }
            #expect(exchange.answer == .retry(after: nil), "\(fields): \(exchange.attempt)")
        }
    }

    @Test func `Headers without an end, and more of them than anybody reads, are cut off`() async throws {
        let line = "X-Filler: " + String(repeating: "y", count: 1000) + "\r\n"
        let endless = try await exchange(timeout: .seconds(20)) { _ in [.say("HTTP/1.1 200 OK\r\n"), .flood(line)] }
        #expect(endless.attempt.result == .fault(.headers))
        let many = try await exchange(timeout: .seconds(20)) { _ in
            [.say("HTTP/1.1 200 OK\r\n" + String(repeating: line, count: 100) + "Content-Length: 0\r\n\r\n")]
        }
        #expect(many.attempt.result == .fault(.headers))
    }

    @Test func `A body without an end is read as far as anybody looks`() async throws {
        let exchange = try await exchange(timeout: .seconds(20)) { _ in
            [.say("HTTP/1.1 400 No\r\n\r\n"), .flood(String(repeating: "x", count: 10_000))]
        }
        #expect(exchange.attempt.result == .status(400) && exchange.attempt.text.utf8.count == Attempt.maximumText)
    }

    @Test func `What is not HTTP is not taken for an answer`() async throws {
        for garbage in [
            "\u{1}\u{2}\u{3}\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        ] {
            let exchange = try await exchange(timeout: .seconds(10)) { _ in [.say(garbage), .close] }
            #expect(exchange.answer == .retry(after: nil), "\(garbage): \(exchange.attempt)")
        }
    }

    @Test func `A storm of 429 asks for its time each time`() async throws {
        let script: MisbehavingServer.Script = { request in
            [.answer(429, [("Retry-After", "\(request.number + 1)")], "slow down")]
        }
        try await MisbehavingServer.with(script) { (server) async throws in
            try await withSender { sender in
                for number in 1...20 {
                    let exchange = await sender.send(try request(to: server.url), attempt: number)
                    #expect(exchange.answer == .throttled(after: .seconds(number)))
                }
            }
            #expect(server.connections == 1)
        }
    }

    @Test func `A connection that the server closed meanwhile costs one try`() async throws {
        let script: MisbehavingServer.Script = { _ in [.answer(200), .close] }
        try await MisbehavingServer.with(script) { (server) async throws in
            try await withSender { sender in
                var delivered = 0
                for number in 1...20 {
                    let exchange = await sender.send(try request(to: server.url), attempt: number)
                    if exchange.answer == .delivered {
                        delivered += 1
                    } else {
                        #expect(exchange.attempt.result == .fault(.reset))
                    }
                }
                #expect(delivered >= 10)
            }
        }
    }
}
