import ArgumentParser
import Catalog
import NIOCore

/// Proves that nothing is lost and nothing counted twice.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Prove the counts and the order of the log on the running system.",
        discussion: """
            Each partition is looked at as of one moment, without holding anybody up. Ends with 0 if everything adds up, and \
            with 1 if anything does not, or if not everything could be looked at in the time.
            """
    )

    @OptionGroup var server: ServerOptions
    @Option(help: "Only one source.") var source: String?
    @Flag(help: "Read every event that is kept and hold it against its hashes.") var deep = false
    @Option(help: "How long it may take, at most 10m.") var within = "1m"
    @Flag(help: "As JSON.") var json = false

    /// How much longer than that the answer may take: leases that look stray are looked at again.
    private static let grace = TimeAmount.seconds(60)

    func run() async throws {
        guard let milliseconds = DurationText.milliseconds(within) else {
            throw ValidationError("--within takes a duration such as 30s or 5m.")
        }
        var query = [("deep", "\(deep)"), ("within", within)]
        if let source { query.append(("source", source)) }
        try await server.withClient { client in
            let answer = try await client.call(
                .get,
                "/audit",
                query: query,
                timeout: .milliseconds(milliseconds) + Self.grace
            )
            if json { Terminal.line(answer.json) } else { Self.show(answer) }
            let verdict = Self.verdict(answer)
            if let verdict { throw RuntimeError(verdict) }
        }
    }

    private static func show(_ answer: Document) {
        var table = Table(
            (head: "CHECK", side: .left),
            (head: "LOOKED AT", side: .right),
            (head: "FAULTS", side: .right),
            (head: "RULE", side: .left)
        )
        for check in answer.list("checks") {
            table.add(check.word("check"), check.count("looked"), check.count("faults"), check.word("rule"))
        }
        table.show(orSay: "Nothing was looked at.")
        let faults = answer.list("faults")
        if !faults.isEmpty { Terminal.line("") }
        for fault in faults {
            Terminal.line("\(fault.word("check")): \(fault.word("place")): \(fault.word("fault"))")
        }
        Terminal.line("")
        Terminal.line(
            "\(answer.count("partitions")) of \(answer.count("allPartitions")) partitions in "
                + "\(Units.duration(seconds: answer["seconds"]?.number))."
        )
    }

    /// Why the audit proves nothing; nil when everything adds up.
    static func verdict(_ answer: Document) -> String? {
        let faults = answer.list("checks").reduce(0) { $0 + ($1["faults"]?.integer ?? 0) }
        if faults > 0 { return "\(Units.count(faults)) \(faults == 1 ? "fault was" : "faults were") found." }
        guard answer["complete"]?.truth == true else {
            return "Not everything could be looked at in the time; give it more with --within, or audit one --source."
        }
        return nil
    }
}
