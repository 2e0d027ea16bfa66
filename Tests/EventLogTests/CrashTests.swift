import EventLog
import EventModel
import Glibc
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@Suite struct CrashTests {
    /// What one appender was told: the number in an event's text, and the offset it was given.
    private typealias Promise = (number: Int, offset: Int64)

    @Test(.timeLimit(.minutes(3)), arguments: [SIGKILL, SIGQUIT])
    func `A killed server keeps every append that was answered`(signal: Int32) async throws {
        try await PrivateServer.running { cluster in
            let pool = ConnectionPool(cluster.connection)
            try await Migrations.run(pool)
            let log = EventLog(pool)
            try await log.prepare()
            try await log.openPartitions([Events.partition])
            let watching = Task { try await cluster.run() }
            let promised = try await withThrowingTaskGroup(of: [Promise].self) { group in
                for appender in 0..<4 { group.addTask { try await append(log, appender, rounds: 60) } }
                for _ in 0..<2 {
                    // In the middle of the work: after some more appends are known to have come through.
                    let before = log.signals.knownEnd(of: Events.partition)
                    while log.signals.knownEnd(of: Events.partition) < before + 60 {
                        try await Task.sleep(for: .milliseconds(1))
                    }
                    if let pid = await cluster.processID { kill(pid, signal) }
                }
                return try await group.reduce([]) { $0 + $1 }
            }
            try await check(promised, EventLog(pool))
            await pool.close()
            watching.cancel()
            try await watching.value
        }
    }

    /// Appends again and again, and goes on after every failure that may pass.
    private func append(_ log: EventLog, _ appender: Int, rounds: Int) async throws -> [Promise] {
        var promises: [Promise] = []
        for round in 0..<rounds {
            let start = (appender * rounds + round) * 3
            while true {
                do throws(EventLogError) {
                    let places = try await log.append([Events.draft(start..<start + 3)])
                    promises += (0..<3).map { (start + $0, places[0].firstOffset + Int64($0)) }
                    break
                } catch {
                    guard case .retry = error.disposition else { throw error }
                    await Task.yield()
                }
            }
        }
        return promises
    }

    /// Every promised event is at its offset, and no offset is missing.
    private func check(_ promises: [Promise], _ reader: EventLog) async throws {
        var texts: [[UInt8]] = []
        for chunk in try await Events.readAll(reader) {
            #expect(chunk.firstOffset == Int64(texts.count))
            let bodies = try chunk.bodies()
            texts += (0..<bodies.count).map { Array(bodies[$0]) }
        }
        for promise in promises {
            try #require(promise.offset < Int64(texts.count))
            #expect(texts[Int(promise.offset)] == Events.text(promise.number))
        }
    }
}
