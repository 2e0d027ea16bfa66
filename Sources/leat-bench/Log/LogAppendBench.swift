import ArgumentParser
import EventLog

/// The log alone: chunks appended durably, against the same events as rows.
struct LogAppendBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-append",
        abstract: "Events a second appended durably as chunks, beside raw COPY of single rows; with journal and disk."
    )

    @OptionGroup var options: LogOptions

    func run() async throws {
        let events = SampleEvents(count: options.events)
        let load = LogLoad(events)
        try await BenchDatabase.with { pool, log in
            try await log.openPartitions(load.partitions)
            let reference = CopyReference(pool, events: events)
            var journal = Figures()
            var disk = Figures()
            let rates = try await HeldSnapshot.during(pool) {
                try await Pairs(options.pairs, of: "log-append") {
                    let before = (wal: try await pool.journal(), disk: try await pool.chunkBytes())
                    let start = ContinuousClock.now
                    let count = Double(
                        try await load.append(to: log) { _ in ContinuousClock.now >= start + .seconds(options.seconds) }
                    )
                    let time = (ContinuousClock.now - start) / .seconds(1)
                    journal.values.append(Double(try await pool.journal() - before.wal) / count)
                    disk.values.append(Double(try await pool.chunkBytes() - before.disk) / count)
                    return count / time
                } reference: {
                    let before = try await pool.journal()
                    let rate = try await reference.measure(for: .seconds(options.seconds))
                    let count = Double(try await pool.number("SELECT count(*) FROM raw_event"))
                    journal.references.append(Double(try await pool.journal() - before) / count)
                    disk.references.append(
                        Double(try await pool.number("SELECT pg_total_relation_size('raw_event')")) / count
                    )
                    return rate
                }
            }
            BenchLine(bench: "log-append", unit: "events/s", pairs: rates).emit()
            BenchLine(bench: "log-append.journal", unit: "bytes/event", pairs: journal.pairs).emit()
            BenchLine(bench: "log-append.disk", unit: "bytes/event", pairs: disk.pairs).emit()
        }
    }
}

/// What was taken on the side; the first of each warmed up.
struct Figures {
    var values: [Double] = []
    var references: [Double] = []

    var pairs: Pairs { Pairs(values: Array(values.dropFirst()), references: Array(references.dropFirst())) }
}

/// How the log is measured.
struct LogOptions: ParsableArguments {
    @Option(help: "How often the measurement and its reference run.")
    var pairs = 7

    @Option(help: "For how many seconds events are written in each run.")
    var seconds = 3

    @Option(help: "How many different events of about 1 KB are written in turn.")
    var events = 20_000
}
