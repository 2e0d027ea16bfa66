import ArgumentParser
import Catalog

/// How plugins do: creation time, execution time and input size of each version.
struct PluginTimingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timings",
        abstract: "Show creation time, execution time and input size of plugins, per version.",
        discussion: """
            Measured by the host, not by the plugin. Execution and input are per batch. Failures are counted in the \
            times and listed by cause.
            """
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "Only this plugin.") var plugin: String?
    @Option(help: "How far back: 15m, 1h, 7d.") var since = "1h"
    @Flag(help: "As JSON, in seconds and bytes.") var json = false

    func validate() throws {
        guard DurationText.milliseconds(since) != nil else {
            throw ValidationError("--since takes a duration such as 15m, 1h or 7d.")
        }
    }

    func run() async throws {
        let path = plugin.map { "/plugins/\(AdminClient.encoded($0))/timings" } ?? "/timings"
        try await server.withClient { client in
            let answer = try await client.call(.get, path, query: [("since", since)])
            if json { return Terminal.line(answer.json) }
            Self.table(answer).show(orSay: "No plugin ran in the last \(since).")
        }
    }

    static func table(_ answer: Document) -> Table {
        var table = Table(
            (head: "PLUGIN", side: .left),
            (head: "VERSION", side: .left),
            (head: "MEASURE", side: .left),
            (head: "COUNT", side: .right),
            (head: "P50", side: .right),
            (head: "P90", side: .right),
            (head: "P99", side: .right),
            (head: "MAX", side: .right),
            (head: "FAILURES", side: .left)
        )
        for entry in answer.list("timings") {
            let failures = (entry["failures"]?.members ?? []).map { "\($0.key) \($0.value.integer ?? 0)" }
            let measures: [(key: String, name: String, text: (Double?) -> String)] = [
                ("creationSeconds", "creation", Units.duration(seconds:)),
                ("executionSeconds", "execution", Units.duration(seconds:)),
                ("inputBytes", "input size", Units.bytes),
            ]
            for (number, measure) in measures.enumerated() {
                let values = entry[measure.key]
                table.add(
                    number == 0 ? entry.word("plugin") : "",
                    number == 0 ? entry.word("version") : "",
                    measure.name,
                    values?.count("count") ?? "-",
                    measure.text(values?["p50"]?.number),
                    measure.text(values?["p90"]?.number),
                    measure.text(values?["p99"]?.number),
                    measure.text(values?["max"]?.number),
                    number > 0 ? "" : failures.isEmpty ? "none" : failures.joined(separator: ", ")
                )
            }
        }
        return table
    }
}
