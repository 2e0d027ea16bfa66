import Delivery
import Synchronization
import TestSupport
import Testing

@Suite struct CourierTests {
    /// Quick enough for tests, slow enough to be seen.
    private static let schedule = RetrySchedule(
        first: .milliseconds(20),
        cap: .milliseconds(100),
        shortTries: 3,
        longestShortDelay: .milliseconds(500),
        maximumAttempts: 6
    )

    private typealias End = (name: String, ending: Dispatch.Ending, attempts: [Attempt])

    /// Submits one request per body and waits for all ends.
    private func ends(
        of bodies: [String],
        to server: RecordingServer,
        concurrency: Int = 4,
        during: (Courier) async throws -> Void = { _ in }
    ) async throws -> [End] {
        try await withSender { sender in
            let courier = Courier(
                sender: sender,
                terms: Courier.Terms(schedule: Self.schedule, concurrency: concurrency),
                firstPause: .milliseconds(50)
            )
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await courier.run() }
                let (stream, continuation) = AsyncStream.makeStream(of: End.self)
                _ = courier.submit(
                    try bodies.map { body in
                        Courier.Parcel(request: try request(to: server.url, body: body), events: 1) {
                            ending,
                            attempts in
                            continuation.yield((body, ending, attempts))
                        }
                    }
                )
                try await during(courier)
                var ends: [End] = []
                for await end in stream {
                    ends.append(end)
                    if ends.count == bodies.count { break }
                }
                group.cancelAll()
                return ends
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Everything arrives, and not more at a time than allowed`() async throws {
        try await RecordingServer.with({ _ in .hold(200) }) { server in
            let bodies = (0..<12).map { "event \($0)" }
            let ends = try await ends(of: bodies, to: server, concurrency: 4) { _ in
                for count in [4, 8, 12] {
                    #expect(await server.wait(for: count))
                    #expect(server.requests.count == count)
                    server.release()
                }
            }
            #expect(ends.allSatisfy { $0.ending == .delivered && $0.attempts.map(\.number) == [1] })
            #expect(Set(ends.map(\.name)) == Set(bodies))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A courier that is closed calls off what is under way and ends`() async throws {
        try await RecordingServer.with({ _ in .hold(200) }) { server in
            try await withSender { sender in
                let courier = Courier(sender: sender, terms: Courier.Terms(schedule: Self.schedule, concurrency: 1))
                async let running: Void = courier.run()
                _ = courier.submit([.init(request: try request(to: server.url, body: "x"), events: 1) { _, _ in }])
                #expect(await server.wait(for: 1))
                courier.close()
                await running
            }
            server.release()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A server that fails a few times is tried until it works`() async throws {
        let counts = Mutex<[String: Int]>([:])
        try await RecordingServer.with({ request in
            let tries = counts.withLock { counts in
                counts[request.text, default: 0] += 1
                return counts[request.text] ?? 0
            }
            return tries < 3 ? .answer(503) : .answer(200)
        }) { server in
            let ends = try await ends(of: ["only"], to: server)
            #expect(ends.map(\.ending) == [.delivered])
            #expect(ends[0].attempts.map(\.code) == ["http_503", "http_503", "http_200"])
            #expect(ends[0].attempts.map(\.number) == [1, 2, 3])
            #expect(Set(server.requests.compactMap { $0.header("idempotency-key") }) == ["0123"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `One event that fails while others succeed is handed back`() async throws {
        try await RecordingServer.with({ $0.text == "poison" ? .answer(500, body: "no") : .answer(200) }) { server in
            let others = (0..<50).map { "event \($0)" }
            let ends = try await ends(of: ["poison"] + others, to: server, concurrency: 1)
            let poison = try #require(ends.first { $0.name == "poison" })
            guard case .park = poison.ending else {
                Issue.record("\(poison.ending)")
                return
            }
            #expect(poison.attempts.allSatisfy { $0.text == "no" })
            #expect(ends.filter { $0.ending == .delivered }.count == 50)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `A destination that is down gets few requests, and all of them when it is back`() async throws {
        let isDown = Mutex(true)
        try await RecordingServer.with({ _ in isDown.withLock { $0 } ? .hangUp : .answer(200) }) { server in
            let ends = try await ends(of: (0..<100).map { "event \($0)" }, to: server) { _ in
                #expect(await server.wait(for: 8))
                isDown.withLock { $0 = false }
            }
            #expect(ends.allSatisfy { $0.ending == .delivered })
            #expect(server.requests.count < 120)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Retry-After is waited for`() async throws {
        try await RecordingServer.with({
            $0.number == 0 ? .answer(429, headers: [("Retry-After", "1")]) : .answer(200)
        }) { server in
            _ = try await ends(of: ["a", "b", "c"], to: server, concurrency: 1)
            let times = server.requests.map(\.at)
            #expect(times[1] - times[0] >= .seconds(1))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `What is refused says why`() async throws {
        try await RecordingServer.with({ _ in .answer(400, body: "{\"error\":\"bad\"}") }) { server in
            let ends = try await ends(of: ["x"], to: server)
            #expect(ends[0].ending == .refused && ends[0].attempts[0].text == "{\"error\":\"bad\"}")
        }
    }

    /// Runs a courier of one place at a time, or more, while `body` hands it requests; `ends` gathers what is told.
    private func running(
        concurrency: Int,
        maySend: @escaping @Sendable () -> Bool = { true },
        _ body: (_ courier: Courier, _ parcel: (String) throws -> Courier.Parcel, _ ends: AsyncStream<End>) async throws
            ->
            Void,
        to server: RecordingServer
    ) async throws {
        try await withSender { sender in
            let courier = Courier(
                sender: sender,
                terms: Courier.Terms(schedule: Self.schedule, concurrency: concurrency),
                maySend: maySend
            )
            let (ends, end) = AsyncStream.makeStream(of: End.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await courier.run() }
                let parcel = { (text: String) in
                    Courier.Parcel(request: try request(to: server.url, body: text), events: 1) { ending, attempts in
                        end.yield((text, ending, attempts))
                    }
                }
                try await body(courier, parcel, ends)
                group.cancelAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `What was made for the destination as it was is not sent once it is another, and waits to be withdrawn`()
        async throws
    {
        try await RecordingServer.with({ $0.text == "on its way" ? .hold(503) : .answer(200) }) { server in
            try await running(
                concurrency: 1,
                { courier, parcel, ends in
                    let (looks, look) = AsyncStream.makeStream(of: Void.self)
                    func made(_ text: String, _ edition: Int) throws -> Courier.Parcel {
                        Courier.Parcel(
                            request: try request(to: server.url, body: text),
                            events: 1,
                            edition: edition,
                            outdated: { look.yield() },
                            end: try parcel(text).end
                        )
                    }
                    let old = courier.submit([try made("on its way", 0)])
                    #expect(await server.wait(for: 1))
                    let others = courier.submit([try made("waiting", 0)])
                    courier.renew()
                    let late = courier.submit([try made("late", 0)])
                    let new = courier.submit([try made("new", courier.edition)])
                    #expect(courier.withdrawWaiting(old) == old && courier.withdrawWaiting(others + late).isEmpty)
                    server.release()
                    // It failed, and whoever made it hears that it is not tried again.
                    for await _ in looks { break }
                    #expect(courier.withdrawWaiting(old).isEmpty)
                    for await end in ends {
                        #expect(end.name == "new" && end.ending == .delivered)
                        break
                    }
                    #expect(server.requests.map(\.text) == ["on its way", "new"] && new.count == 1)
                },
                to: server
            )
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `What is called off makes room at once, and nobody is told of its end`() async throws {
        try await RecordingServer.with({ $0.text.hasPrefix("lost") ? .silence : .answer(200) }) { server in
            try await running(
                concurrency: 2,
                { courier, parcel, ends in
                    let lost = courier.submit([try parcel("lost 1"), try parcel("lost 2")])
                    #expect(await server.wait(for: 2))
                    // Both places are taken for as long as the server is silent.
                    let waiting = courier.submit([try parcel("never"), try parcel("next")])
                    #expect(courier.cancelledRequests == 0)
                    courier.callOff(lost + [waiting[0]])
                    var told = ends.makeAsyncIterator()
                    let end = try #require(await told.next())
                    #expect(end.name == "next" && end.ending == .delivered)
                    // Nothing was under way of the one that waited.
                    try await reaches(courier, 2)
                    #expect(server.requests.map(\.text).sorted() == ["lost 1", "lost 2", "next"])
                    #expect(courier.withdrawWaiting(lost).isEmpty)
                },
                to: server
            )
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `When everything is called off it is kept, and goes out again when it may`() async throws {
        let (isSilent, mayGo) = (Flag(true), Flag(true))
        try await RecordingServer.with({ _ in isSilent.value ? .silence : .answer(200) }) { server in
            try await running(
                concurrency: 3,
                maySend: { mayGo.value },
                { courier, parcel, ends in
                    _ = courier.submit(try ["a", "b", "c"].map(parcel))
                    #expect(await server.wait(for: 3))
                    mayGo.value = false
                    courier.callOffAll()
                    try await reaches(courier, 3)
                    isSilent.value = false
                    // It is asked five times a second whether anything may be sent.
                    try await Task.sleep(for: .milliseconds(500))
                    #expect(server.requests.count == 3)
                    mayGo.value = true
                    var names: Set<String> = []
                    for await end in ends {
                        // What was called off is no try that failed.
                        #expect(end.ending == .delivered && end.attempts.map(\.code) == ["http_200"])
                        names.insert(end.name)
                        if names.count == 3 { break }
                    }
                    #expect(server.requests.count == 6 && courier.cancelledRequests == 3)
                },
                to: server
            )
        }
    }

    /// Waits until so many requests were called off under way.
    private func reaches(_ courier: Courier, _ count: Int) async throws {
        while courier.cancelledRequests < count { try await Task.sleep(for: .milliseconds(1)) }
        #expect(courier.cancelledRequests == count)
    }

    private final class Flag: Sendable {
        private let state: Mutex<Bool>
        init(_ value: Bool) { state = Mutex(value) }
        var value: Bool {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }
}
