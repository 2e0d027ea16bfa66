import Delivery
import Synchronization
import TestSupport
import Testing

@Suite struct CourierPermissionTests {
    @Test(.timeLimit(.minutes(2)))
    func `What may be sent again goes out at once, though another request waits for long`() async throws {
        // Every delay of its own is as long as one may be in memory, half a minute.
        let schedule = RetrySchedule(first: .seconds(300))
        let may = Mutex(true)
        let (asked, asking) = AsyncStream.makeStream(of: Void.self)
        try await RecordingServer.with({ $0.text == "late" ? .answer(503) : .answer(200) }) { server in
            try await withSender { sender in
                let courier = Courier(
                    sender: sender,
                    terms: .init(schedule: schedule, concurrency: 4),
                    maySend: {
                        may.withLock { may in
                            asking.yield()
                            return may
                        }
                    }
                )
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await courier.run() }
                    var answers = asked.makeAsyncIterator()
                    _ = courier.submit([
                        .init(request: try request(to: server.url, body: "late"), events: 1) { _, _ in }
                    ])
                    // When it is taken, when it goes out, and when its answer has come.
                    for _ in 0..<3 { await answers.next() }
                    may.withLock { $0 = false }
                    _ = courier.submit([
                        .init(request: try request(to: server.url, body: "other"), events: 1) { _, _ in }
                    ])
                    await answers.next()
                    may.withLock { $0 = true }
                    let allowed = ContinuousClock.now
                    #expect(await server.wait(for: 2))
                    #expect(server.requests.map(\.text) == ["late", "other"])
                    #expect(ContinuousClock.now - allowed < .seconds(15))
                    group.cancelAll()
                }
            }
        }
    }
}
