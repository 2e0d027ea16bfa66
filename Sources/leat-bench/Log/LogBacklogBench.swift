import ArgumentParser
import EventLog

/// Whether the log stays as fast when much of it is unread.
struct LogBacklogBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-backlog",
        abstract: "Append and whole cycle with millions of unread events, beside the same with none."
    )

    @OptionGroup var options: LogOptions

    @Option(help: "How many events are unread all the time.")
    var backlog = 5_000_000

    func run() async throws {
        let load = LogLoad(SampleEvents(count: options.events))
        try await BenchDatabase.with { emptyPool, emptyLog in
            try await BenchDatabase.with { fullPool, fullLog in
                let empty = try await Self.prepare(load, emptyLog)
                let full = try await Self.prepare(load, fullLog)
                let each = backlog / LogLoad.appenders
                _ = try await load.append(to: fullLog) { $0 >= each }
                try await HeldSnapshot.during(emptyPool) {
                    try await HeldSnapshot.during(fullPool) {
                        try await measure(load, (emptyLog, empty), (fullLog, full))
                    }
                }
            }
        }
    }

    /// Readers that get everything from the database, as those of old events do.
    private static func prepare(_ load: LogLoad, _ log: EventLog) async throws -> LogCycle {
        try await log.openPartitions(load.partitions)
        let leases = try await BenchLeases.take(load.partitions, by: log)
        return try await LogCycle(log, load.partitions, consumer: 1, leases, isApart: true)
    }

    private func measure(
        _ load: LogLoad,
        _ empty: (log: EventLog, cycle: LogCycle),
        _ full: (log: EventLog, cycle: LogCycle)
    ) async throws {
        let time = Duration.seconds(options.seconds)
        let cycles = try await Pairs(options.pairs, of: "log-backlog.cycle") {
            try await LogCycleBench.rate(load, full.log, full.cycle, for: time)
        } reference: {
            try await LogCycleBench.rate(load, empty.log, empty.cycle, for: time)
        }
        // After the cycles, which leave the one empty and the other full.
        let appends = try await Pairs(options.pairs, of: "log-backlog.append") {
            try await load.rate(to: full.log, for: time)
        } reference: {
            try await load.rate(to: empty.log, for: time)
        }
        BenchLine(bench: "log-backlog.append", unit: "events/s", pairs: appends).emit()
        BenchLine(bench: "log-backlog.cycle", unit: "events/s", pairs: cycles).emit()
    }
}
