import Delivery
import EventModel
import Foundation
import Synchronization
import TestSupport
import Testing

/// How a request finds its host, and where it must never arrive.
@Suite struct RouteTests {
    @Test(
        arguments: [
            "http://127.0.0.1", "http://[::1]", "http://[::ffff:127.0.0.1]", "http://169.254.169.254", "http://0.0.0.0",
            "http://localhost", "https://10.0.0.1",
        ]
    )
    func `Nothing is sent to an address that is not public unless the operator allows it`(place: String) async throws {
        try await RecordingServer.with { (server) async throws in
            try await withSender(allowing: []) { sender in
                let exchange = await sender.send(try request(to: "\(place):\(server.port)/"), attempt: 1)
                #expect(exchange.attempt.result == .fault(.targetPrivate))
                #expect(exchange.attempt.code == "target_private")
                #expect(exchange.attempt.text.contains("leat serve --allow-targets"))
                // Nothing is lost for it: a name server may be wrong for a moment, an operator may forget a range.
                #expect(exchange.answer == .retry(after: nil))
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `One address of a name that is not public is enough to refuse it`() async throws {
        let answer = LookupAnswer.addresses([IPAddress("127.0.0.1"), IPAddress("10.0.0.9")].compactMap(\.self))
        try await RecordingServer.with { (server) async throws in
            try await withSender(lookup: { _ in answer }) { sender in
                let exchange = await sender.send(try request(to: "http://two.test:\(server.port)/"), attempt: 1)
                #expect(exchange.attempt.result == .fault(.targetPrivate))
                #expect(exchange.attempt.text.hasPrefix("two.test leads to 10.0.0.9, a private address"))
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `A name server that changes its answer after the check changes nothing`() async throws {
        // The first answer may be connected to, every later one may not.
        let asked = Atomic<Int>(0)
        let lookup: Resolver.Lookup = { name in
            let number = asked.add(1, ordering: .relaxed).oldValue
            return .addresses([IPAddress(number == 0 ? "127.0.0.1" : "127.0.0.2")].compactMap(\.self))
        }
        let script: MisbehavingServer.Script = { _ in [.answer(200, [("Connection", "close")]), .close] }
        try await MisbehavingServer.with(script) { first in
            let second = try await RecordingServer.start(host: "127.0.0.2", port: first.port)
            try await withSender(allowing: ["127.0.0.1"], freshness: .seconds(3600), lookup: lookup) { sender in
                for number in 1...5 {
                    let exchange = await sender.send(
                        try request(to: "http://turn.test:\(first.port)/"),
                        attempt: number
                    )
                    #expect(exchange.answer == .delivered)
                }
                #expect(asked.load(ordering: .relaxed) == 1 && first.connections == 5)
                #expect(first.requests.first?.header("host") == "turn.test:\(first.port)")
            }
            asked.store(0, ordering: .relaxed)
            // Here the answer is old at once, so the second request asks again, and must not be sent.
            try await withSender(allowing: ["127.0.0.1"], freshness: .zero, lookup: lookup) { sender in
                let request = try request(to: "http://turn.test:\(first.port)/")
                #expect(await sender.send(request, attempt: 1).answer == .delivered)
                #expect(await sender.send(request, attempt: 2).attempt.result == .fault(.targetPrivate))
            }
            #expect(second.requests.isEmpty)
            try await second.stop()
        }
    }

    @Test func `A connection stays open while its name keeps leading there, however often it is asked for`()
        async throws
    {
        let asked = Atomic<Int>(0)
        let lookup: Resolver.Lookup = { _ in
            let number = asked.add(1, ordering: .relaxed).oldValue
            let addresses = number.isMultiple(of: 2) ? ["127.0.0.1", "127.0.0.3"] : ["127.0.0.3", "127.0.0.1"]
            return .addresses(addresses.compactMap { IPAddress($0) })
        }
        try await RecordingServer.with { (server) async throws in
            try await withSender(freshness: .zero, lookup: lookup) { sender in
                let request = try request(to: "http://same.test:\(server.port)/")
                for number in 1...10 { #expect(await sender.send(request, attempt: number).answer == .delivered) }
            }
            #expect(asked.load(ordering: .relaxed) == 10)
            #expect(Set(server.requests.map(\.connection)).count == 1)
        }
    }

    @Test func `Where nobody listens at one address of a name, the next one is taken at once`() async throws {
        let asked = Atomic<Int>(0)
        let lookup: Resolver.Lookup = { _ in
            asked.add(1, ordering: .relaxed)
            return .addresses(["127.0.0.8", "127.0.0.9", "127.0.0.1"].compactMap { IPAddress($0) })
        }
        try await RecordingServer.with { (server) async throws in
            try await withSender(lookup: lookup) { sender in
                let request = try request(to: "http://three.test:\(server.port)/")
                for number in 1...3 { #expect(await sender.send(request, attempt: number).answer == .delivered) }
            }
            #expect(server.requests.count == 3 && asked.load(ordering: .relaxed) == 1)
        }
    }

    @Test func `What the resolver says of a name is told apart`() async throws {
        let lookup: Resolver.Lookup = { name in name == "none.test" ? .none : .failed }
        try await withSender(lookup: lookup) { sender in
            for (name, fault) in [("none.test", TransportFault.nameNotFound), ("ill.test", .nameLookup)] {
                let exchange = await sender.send(try request(to: "http://\(name)/"), attempt: 1)
                #expect(exchange.attempt.result == .fault(fault) && exchange.answer == .retry(after: nil))
            }
        }
        try await withSender { sender in
            let exchange = await sender.send(try request(to: "http://no-such-host.invalid/"), attempt: 1)
            guard case .fault(let fault) = exchange.attempt.result else {
                Issue.record("\(exchange.attempt)")
                return
            }
            #expect([.nameNotFound, .nameLookup, .nameTimeout].contains(fault))
        }
    }

    @Test func `A name whose lookup hangs costs its own requests their time, once, and others nothing`() async throws {
        let gate = Gate()
        let hanging = Atomic<Int>(0)
        let lookup: Resolver.Lookup = { name in
            guard name == "hangs.test" else { return .addresses([IPAddress("127.0.0.1")].compactMap(\.self)) }
            hanging.add(1, ordering: .relaxed)
            gate.wait()
            return .none
        }
        try await RecordingServer.with { (server) async throws in
            try await withSender(lookup: lookup) { sender in
                let stuck = try request(to: "http://hangs.test/", timeout: .milliseconds(300))
                let start = ContinuousClock.now
                await withTaskGroup(of: Void.self) { group in
                    // More of them than there are threads.
                    for _ in 0..<(Resolver.threads * 3) {
                        group.addTask {
                            #expect(await sender.send(stuck, attempt: 1).attempt.result == .fault(.nameTimeout))
                        }
                    }
                    group.addTask {
                        let well = try? request(to: "http://well.test:\(server.port)/")
                        if let well { #expect(await sender.send(well, attempt: 1).answer == .delivered) }
                    }
                }
                #expect(ContinuousClock.now - start < .seconds(20))
                #expect(hanging.load(ordering: .relaxed) == 1 && server.requests.count == 1)
                gate.open()
            }
        }
    }
}

/// Holds threads up until it is opened.
private final class Gate: Sendable {
    private let isOpen = Mutex(false)

    func open() { isOpen.withLock { $0 = true } }

    func wait() {
        while !isOpen.withLock({ $0 }) { usleep(10_000) }
    }
}
