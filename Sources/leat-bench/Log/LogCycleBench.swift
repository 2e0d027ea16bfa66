import ArgumentParser
import EventLog
import EventModel
import Synchronization

/// The whole way through the log: append, read, settle, until nothing is left.
struct LogCycleBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-cycle",
        abstract: "Events a second appended, read, inflated and settled, beside raw COPY of single rows."
    )

    @OptionGroup var options: LogOptions

    func run() async throws {
        let events = SampleEvents(count: options.events)
        let load = LogLoad(events)
        try await BenchDatabase.with(connections: 12) { pool, log in
            try await log.openPartitions(load.partitions)
            let leases = try await BenchLeases.take(load.partitions, by: log)
            let reference = CopyReference(pool, events: events)
            try await HeldSnapshot.during(pool) {
                // The node that took the events in, whose lanes find them in memory.
                let here = try await LogCycle(log, load.partitions, consumer: 1, leases, isApart: false)
                let near = try await Pairs(options.pairs, of: "log-cycle") {
                    try await Self.rate(load, log, here, for: .seconds(options.seconds))
                } reference: {
                    try await reference.measure(for: .seconds(options.seconds))
                }
                BenchLine(bench: "log-cycle", unit: "events/s", pairs: near).emit()
                // Another node's way: nothing in memory, everything from the database.
                let there = try await LogCycle(log, load.partitions, consumer: 2, leases, isApart: true)
                let far = try await Pairs(options.pairs, of: "log-cycle.apart") {
                    try await Self.rate(load, log, there, for: .seconds(options.seconds))
                } reference: {
                    try await reference.measure(for: .seconds(options.seconds))
                }
                BenchLine(bench: "log-cycle.apart", unit: "events/s", pairs: far).emit()
            }
        }
    }

    /// Events a second from the first append to the commit of the last event's progress, where events are appended for
    /// `time`.
    static func rate(_ load: LogLoad, _ log: EventLog, _ cycle: LogCycle, for time: Duration) async throws -> Double {
        let goal = Goal()
        let start = ContinuousClock.now
        let before = cycle.read
        async let settled: Void = cycle.run { $0 - before >= goal.events.load(ordering: .relaxed) }
        let count = try await load.append(to: log) { _ in ContinuousClock.now >= start + time }
        goal.events.store(count, ordering: .relaxed)
        try await settled
        return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    }

    /// How many events are to be read, once that is known.
    private final class Goal: Sendable {
        let events = Atomic<Int>(.max)
    }
}
