import ArgumentParser
import Catalog

/// How far everybody is with the log, and what is in it.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show how much there is still to read, or the events themselves.",
        subcommands: [Show.self, LogCat.self],
        defaultSubcommand: Show.self
    )

    enum Grouping: String, CaseIterable, ExpressibleByArgument {
        case source, connection, lane
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how much there is still to read, how old it is, and who reads it.",
            discussion: """
                UNREAD is what was accepted and neither read nor expired, BYTES its size before compression (~ where it is \
                worked out from a part), OLDEST how long ago the oldest of it was accepted, LAG the time from the oldest to \
                the newest, PARKED what waits for another attempt. By source, each partition counts once, as its slowest \
                lane has it.
                """
        )

        @OptionGroup var server: ServerOptions
        @Option(help: "What to add up by: source, connection or lane.") var by = Grouping.connection
        @Option(help: "Only those of one source.") var source: String?
        @Option(help: "Only those of one connection, as source/destination.") var connection: String?
        @Flag(help: "Only what has something unread or parked.") var behind = false
        @Option(help: "How many at most, 1 to 2000.") var limit = 1000
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            let query = LaneQuery.words(source, connection, behind, limit) + [("by", by.rawValue)]
            try await server.withClient { client in
                let answer = try await client.call(.get, "/log", query: query)
                if json { return Terminal.line(answer.json) }
                Self.table(answer, by: by).show(orSay: "There is nothing that anybody has still to read.")
                LaneQuery.sayMore(answer)
            }
        }

        static func table(_ answer: Document, by grouping: Grouping) -> Table {
            var table = Table(
                (head: grouping.rawValue.uppercased(), side: .left),
                (head: "UNREAD", side: .right),
                (head: "BYTES", side: .right),
                (head: "OLDEST", side: .right),
                (head: "LAG", side: .right),
                (head: "PARKED", side: .right),
                (head: "HELD BY", side: .left)
            )
            for entry in answer.list("backlog") {
                let lane = [entry["connection"]?.string, entry["partition"]?.string].compactMap(\.self)
                table.add(
                    lane.isEmpty ? entry.word("source") : lane.joined(separator: " "),
                    entry.count("unread"),
                    LaneQuery.bytes(entry),
                    LaneQuery.age(entry["oldestSeconds"]),
                    LaneQuery.age(entry["lagSeconds"]),
                    entry.count("parked"),
                    holders(entry)
                )
            }
            return table
        }

        /// `a:3 b:1`: how many of the partitions each node holds; of one partition, who holds it with which epoch.
        private static func holders(_ entry: Document) -> String {
            let partitions = entry.list("partitions")
            if partitions.count == 1, let epoch = partitions[0]["epoch"]?.integer {
                return "\(partitions[0].word("holder")) (epoch \(epoch))"
            }
            let holders = Dictionary(grouping: partitions) { $0["holder"]?.string ?? "nobody" }
            return holders.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.count)" }.joined(separator: " ")
        }
    }
}

/// Every lane, one a line.
struct LanesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lanes",
        abstract: "List the lanes: one connection's reading of one partition each.",
        discussion: """
            POSITION is the first event that is not settled, BEYOND how many after it are. STATE is reading, waiting (for \
            the next attempt of what is parked), idle, off (the connection or destination is switched off), paused, unheld (no \
            node has the partition), silent (the node that has it is not heard of) or missing (no checkpoint).
            """
    )

    @OptionGroup var server: ServerOptions
    @Option(help: "Only those of one source.") var source: String?
    @Option(help: "Only those of one connection, as source/destination.") var connection: String?
    @Flag(help: "Only those with something unread or parked.") var behind = false
    @Option(help: "How many at most, 1 to 2000.") var limit = 1000
    @Flag(help: "As JSON.") var json = false

    func run() async throws {
        try await server.withClient { client in
            let query = LaneQuery.words(source, connection, behind, limit)
            let answer = try await client.call(.get, "/lanes", query: query)
            if json { return Terminal.line(answer.json) }
            Self.table(answer).show(orSay: "There are no such lanes.")
            LaneQuery.sayMore(answer)
        }
    }

    static func table(_ answer: Document) -> Table {
        var table = Table(
            (head: "CONNECTION", side: .left),
            (head: "PARTITION", side: .left),
            (head: "STATE", side: .left),
            (head: "POSITION", side: .right),
            (head: "END", side: .right),
            (head: "BEYOND", side: .right),
            (head: "PARKED", side: .right),
            (head: "HELD BY", side: .left),
            (head: "CHECKPOINT", side: .right)
        )
        for lane in answer.list("lanes") {
            let parked = (lane["parkedEvents"]?.integer ?? 0) + (lane["parkedParts"]?.integer ?? 0)
            let epoch = lane["epoch"]?.integer.map { " (epoch \($0))" } ?? ""
            table.add(
                lane.word("connection"),
                lane.word("partition"),
                lane.word("state"),
                lane.count("position"),
                lane.count("end"),
                lane.count("settledBeyond"),
                Units.count(parked),
                lane.word("holder") + epoch,
                LaneQuery.age(lane["checkpointSeconds"])
            )
        }
        return table
    }
}

/// What the commands on lanes have in common.
enum LaneQuery {
    static func words(_ source: String?, _ connection: String?, _ behind: Bool, _ limit: Int) -> [(String, String)] {
        var query = [("limit", "\(limit)"), ("behind", "\(behind)")]
        if let source { query.append(("source", source)) }
        if let connection { query.append(("connection", connection)) }
        return query
    }

    static func bytes(_ entry: Document) -> String {
        let bytes = Units.bytes(entry["bytes"]?.number)
        return entry["bytesAreEstimate"]?.truth == true ? "~" + bytes : bytes
    }

    static func age(_ seconds: Document?) -> String { Units.age(seconds: seconds?.number) }

    static func sayMore(_ answer: Document) {
        guard answer["more"]?.truth == true else { return }
        Terminal.line("There is more; --limit, --source, --connection and --behind choose.")
    }
}
