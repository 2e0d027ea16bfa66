import EventLog
import EventModel
import PostgreSQL
import TestSupport
import Testing

@Suite struct RunTests {
    @Test(.timeLimit(.minutes(1))) func `Other nodes hear of an append without asking`() async throws {
        try await Database.temporary { pool in
            var settings = EventLogSettings()
            settings.pollPeriod = .seconds(3600)
            settings.beatPeriod = .milliseconds(50)
            let here = EventLog(pool, settings: settings)
            let there = EventLog(pool, settings: settings)
            try await here.openPartitions([Events.partition])
            _ = try await here.join(identity: "a")
            _ = try await there.join(identity: "b")
            let (looks, look) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            var changes = looks.makeAsyncIterator()
            let watch = there.signals.watch(Events.partition) { look.yield() }
            defer { there.signals.unwatch(Events.partition, watch) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await here.run() }
                group.addTask { try await there.run() }
                while here.livingNodes < 2 { try await Task.sleep(for: .milliseconds(1)) }
                try await listeners(2, pool)
                _ = try await here.append([Events.draft(0..<3)])
                _ = await changes.next()
                let chunks = try await there.read(Events.partition, after: .beginning)
                #expect(chunks.map(\.count) == [3])
                // At the end, both ways round: what the other appends is found after its signal.
                let end = chunks[0].end
                let nothing = try await there.read(Events.partition, after: end)
                #expect(nothing.isEmpty)
                var found: [Chunk] = []
                _ = try await here.append([Events.draft(3..<5)])
                while found.isEmpty {
                    _ = await changes.next()
                    found = try await there.read(Events.partition, after: end)
                }
                #expect(found.map(\.firstOffset) == [3])
                found = try await there.read(Events.partition, after: found[0].end)
                #expect(found.isEmpty)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    /// Waits until so many sessions listen.
    private func listeners(_ count: Int, _ pool: ConnectionPool) async throws {
        let listening = Statement(
            "test.listening",
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '/* listen */ LISTEN "leat_append"%'
            """
        )
        while try await pool.query(listening)[0].int(0) < count { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test(.timeLimit(.minutes(1))) func `What was appended unheard is found when it is looked where partitions end`()
        async throws
    {
        try await Database.temporary { pool in
            var settings = EventLogSettings()
            settings.pollPeriod = .milliseconds(50)
            // A log that is alone tells nobody.
            let here = EventLog(pool)
            let there = EventLog(pool, settings: settings)
            try await here.openPartitions([Events.partition, Events.other])
            let (looks, look) = AsyncStream.makeStream(of: PartitionID.self)
            let watches = [Events.partition, Events.other].map { partition in
                (partition, there.signals.watch(partition) { look.yield(partition) })
            }
            defer { for (partition, watch) in watches { there.signals.unwatch(partition, watch) } }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await there.run() }
                var heard = looks.makeAsyncIterator()
                for round in 0..<3 {
                    _ = try await here.append([Events.draft(round * 3..<round * 3 + 3)])
                    // Of the partition that did not grow, nobody is told.
                    #expect(await heard.next() == Events.partition)
                }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A log that was stopped can run again and gives signs of life`() async throws {
        try await Database.temporary { pool in
            var settings = EventLogSettings()
            settings.beatPeriod = .milliseconds(20)
            let log = EventLog(pool, settings: settings)
            _ = try await log.join(identity: "a")
            let first = Task { try await log.run() }
            let beats = Statement("test.beats", "SELECT beats FROM leat.node")
            while try await pool.query(beats)[0].int8(0) < 1 { try await Task.sleep(for: .milliseconds(1)) }
            first.cancel()
            try await first.value
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await log.run() }
                let lastSeen = Statement("test.seen", "SELECT beat_at::text FROM leat.node")
                var signs: Set<String> = []
                let end = ContinuousClock.now + .seconds(20)
                while signs.count < 6, ContinuousClock.now < end {
                    signs.insert(try await pool.query(lastSeen)[0].text(0))
                    try await Task.sleep(for: .milliseconds(1))
                }
                #expect(signs.count == 6)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A node whose place was taken stops`() async throws {
        try await Database.temporary { pool in
            var settings = EventLogSettings()
            settings.beatPeriod = .milliseconds(20)
            let old = EventLog(pool, settings: settings)
            _ = try await old.join(identity: "a")
            let running = Task { try await old.run() }
            _ = try await EventLog(pool).join(identity: "a")
            await #expect(throws: EventLogError.nodeReplaced) { try await running.value }
        }
    }

    @Test func `A database that is away is an error that passes`() async throws {
        let folder = TemporaryFolder()
        let pool = ConnectionPool(ConnectionSettings(address: "host=\(folder.path) user=nobody dbname=none"))
        let error = await #expect(throws: EventLogError.self) {
            try await EventLog(pool).append([Events.draft(0..<3)])
        }
        guard case .retry = error?.disposition else {
            Issue.record("\(String(describing: error)) is final")
            return
        }
    }
}
