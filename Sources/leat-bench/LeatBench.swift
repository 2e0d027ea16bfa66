import ArgumentParser

/// Measurements of Leat, each beside a reference in the same run; `docs/performance.md` says how to read them.
@main
struct LeatBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leat-bench",
        abstract: "Measures Leat beside a reference and prints one line of JSON for each figure.",
        subcommands: [
            DeliverBench.self, FanOutBench.self, FilterBench.self, HopBench.self, IdleBench.self, IngestBench.self,
            IsolationBench.self, JSONBench.self, LatencyBench.self, LogAppendBench.self, LogBacklogBench.self,
            LogCycleBench.self, LogPaceBench.self, NodesBench.self, PipelineBench.self, ReplayBench.self,
        ]
    )
}
