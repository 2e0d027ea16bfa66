import AdminAPI
import Catalog
import EventModel
import Foundation
import Hummingbird
import HummingbirdTesting
import Ingestion
import Logging
import PostgreSQL
import TestSupport
import Testing

/// A server on a port of its own, and a folder from which `leat` is run against it.
struct RunningServer: Sendable {
    let folder: String
    let port: Int
    let token: String
    let catalog: Catalog
    var address: String { "http://localhost:\(port)/" }

    /// Runs `leat` with what follows.
    func leat(
        _ words: String...,
        environment: [String: String] = [:],
        input: String = ""
    ) async throws -> Program.Ended {
        try await leat(words, environment: environment, input: input)
    }

    func leat(
        _ words: [String],
        environment: [String: String] = [:],
        input: String = ""
    ) async throws -> Program.Ended {
        let own = ["LEAT_SERVER": address, "LEAT_TOKEN": token, "HOME": folder, "PATH": "/usr/bin:/bin"]
        let all = own.merging(environment) { $1 }.filter { !$0.value.isEmpty }
        return try await Program.run([Program.built("leat")] + words, environment: all, in: folder, input: input)
    }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
    }

    /// Writes what the server here takes for a plugin.
    func writePlugin(_ id: String, _ version: String, _ kind: String, library: String = "\u{7F}ELF") throws {
        try write("\(id).json", #"{"id": "\#(id)", "version": "\#(version)", "kind": "\#(kind)"}"#)
        try write("\(id).so", library)
    }

    static func with(_ body: @Sendable @escaping (RunningServer) async throws -> Void) async throws {
        try await Database.temporary { pool in
            let vault = SecretVault(keys: try SecretKeys(parsing: SecretKeys.generate()))
            let catalog = try await Catalog.open(pool: pool, logger: Logger(label: "test"), vault: vault)
            let token = try #require(try await catalog.makeFirstToken())
            let router = Router()
            let api = AdminAPI(
                catalog: catalog,
                reports: reports,
                nodes: Self.nodes,
                deliveries: .none,
                paths: Self.paths(catalog),
                replays: Self.replays,
                letters: Self.letters,
                tail: TailDesk(node: "a") { _ in .tooMany },
                vet: believe,
                logger: Logger(label: "test")
            )
            api.addRoutes(to: router)
            let uploads = UploadRoom(
                prefix: AdminAPI.uploadRoot,
                bytes: AdminAPI.maximumUploadBytes,
                seconds: AdminAPI.uploadSeconds,
                isAllowed: api.mayUpload
            )
            let application = Application(
                router: router,
                server: .ingestion(IngestionSettings(), uploads: uploads),
                configuration: .init(address: .hostname("127.0.0.1", port: 0))
            )
            try await application.test(.live) { client in
                let folder = TemporaryFolder()
                let port = try #require(client.port)
                try await body(
                    RunningServer(folder: folder.path, port: port, token: token, catalog: catalog)
                )
                withExtendedLifetime(folder) {}
            }
        }
    }

    /// Takes a manifest at its word.
    private static let believe: PluginVetting = { manifest, _ throws(PluginRefusal) in
        guard let document = try? Document.json(manifest[...]), let id = document["id"]?.string,
            let version = document["version"]?.string,
            let kind = document["kind"]?.string.flatMap(PluginKind.init(rawValue:))
        else { throw PluginRefusal(code: "manifest", message: "The manifest lacks something.") }
        return VettedPlugin(id: id, version: version, kind: kind)
    }

    private static let timing = PluginTimings(
        plugin: "com.example.mask",
        version: "1.0.0",
        creation: Quantiles(count: 1, p50: 0.004, p90: 0.004, p99: 0.004, max: 0.004),
        execution: Quantiles(count: 9, p50: 0.0004, p90: 0.001, p99: 0.002, max: 0.0031),
        input: Quantiles(count: 9, p50: 1024, p90: 2048, p99: 4096, max: 5000),
        failures: [:]
    )

    /// Two nodes, of which only one can be drained.
    private static let nodes = NodeDesk(
        list: { (8, [node("left", "a", "alive"), node("right", "b", "draining")]) },
        drain: { node, wish, _ in node.name == "left" || wish == .undo }
    )

    /// Replays of which one lane is halfway.
    private static let replays = ReplayDesk(
        lanes: { ids in
            ids.map { id in
                let partition = PartitionID(source: SourceID(rawValue: 1), generation: 0, number: 0)
                return ReplayLane(replay: id, partition: partition, start: 0, end: 1000, next: 500)
            }
        },
        plan: { _ in
            let partition = PartitionID(source: SourceID(rawValue: 1), generation: 0, number: 0)
            return ReplayPlan(
                events: 1000,
                looked: 500,
                wanted: 40,
                ranges: [(partition, 0, 1000)],
                samples: [.init(partition: partition, offset: 7, event: "{}", parts: [#"{"a":1}"#])]
            )
        },
        now: { 1_700_000_000_000_000 }
    )

    private static func node(_ name: String, _ identity: String, _ state: String) -> NodeReport {
        NodeReport(
            identity: identity,
            name: name,
            address: "127.0.0.1:8080",
            version: "0.1.0",
            since: 0,
            lastSeen: 1_000_000,
            state: state,
            isDraining: state == "draining",
            partitions: state == "alive" ? 8 : 0
        )
    }

    /// One event with a little of everything; whom people follow is kept.
    private static func paths(_ catalog: Catalog) -> PathDesk {
        PathDesk(
            path: { question in
                var path = EventPath(messageId: question.messageId)
                path.partitions = 4
                if question.messageId == "m1" { path.copies = [copy] }
                return path
            },
            follow: { try await catalog.follow($0, for: $1, by: $2) },
            unfollow: { try await catalog.unfollow($0, by: $1) },
            tracings: { catalog.current.tracings }
        )
    }

    private static let copy: EventCopy = {
        let plugin = PathPlugin(plugin: "com.example.mask", version: "1.0.0", digest: "ab", config: "cd")
        var stage = PathStage(stage: "transform", plugin: plugin, verdict: "emitted")
        (stage.microseconds, stage.events, stage.partCount) = (1_500, 12, 1)
        let difference = PathDifference(pointer: "/email", before: #""a@b.c""#, after: nil)
        stage.comparisons = [PathComparison(from: 0, places: [difference])]
        stage.comparisons?[0].more = 7
        stage.before = PathPayload(Array(#"{"email":"a@b.c"}"#.utf8))
        (stage.beforeBasis, stage.partsBasis) = (.recomputed, .recorded)
        var pass = EventPass(basis: .recorded, outcome: "dead_lettered")
        (pass.cause, pass.code, pass.readAt, pass.stages) = ("failed", "http_400", 1_700_000_000_000_000, [stage])
        var attempt = PathAttempt(
            number: 1,
            at: 1_700_000_000_100_000,
            microseconds: 3_000,
            code: "http_400",
            answer: "no such field"
        )
        attempt.request = PathRequest(
            method: "POST",
            url: "https://example.com/hook",
            headers: [PathHeader(name: "Authorization", value: "•••")],
            body: "{}",
            bodyBytes: 2
        )
        pass.sends = [PathSend(parts: [0], carried: 1, ending: "refused", attempts: [attempt])]
        var consumer = EventConsumer(
            connection: "web/crm",
            consumer: 1,
            state: "read",
            outcome: "dead_lettered",
            outcomeBasis: .recorded
        )
        (consumer.plugins, consumer.pluginsBasis, consumer.passes) = ([plugin], .recorded, [pass])
        var copy = EventCopy(source: "web", partition: "1.0.0", offset: 1_234)
        (copy.acceptedAt, copy.receivedAt, copy.type) = (1_700_000_000_000_000, 1_699_999_999_999_000, "track")
        (copy.chunkEvents, copy.consumers) = (12, [consumer])
        return copy
    }()
    private static let letters = LetterDesk(
        consumers: { [] },
        page: { _, _, _ in DeadLetterPage() },
        records: { _ in [] },
        logged: { _ in LoggedEvents() },
        again: { _ in [:] },
        summary: { _, _, _ in DeadLetterSummary() },
        edit: { _, _, _ in .gone },
        userHash: { _ in 1 }
    )

    private static let reports = Reports(
        timings: { _, _ in [timing] },
        counts: {
            StageCounts(
                sources: [.init(source: SourceID(rawValue: 1), accepted: 5, refused: 0)],
                connections: []
            )
        },
        refused: { _, _ in [] },
        log: LogQuestions(
            lanes: { _, limit in Array(lanes.prefix(limit)) },
            partitions: { source in
                (0..<2).map {
                    PartitionReport(
                        partition: PartitionID(source: source, generation: 0, number: $0),
                        first: 0,
                        end: 150
                    )
                }
            },
            events: { partition, from, _, limit in events(partition, from ?? 0, limit) },
            audit: { _, isDeep, _ in audit(isDeep) }
        )
    )

    /// Two lanes of connections that are gone by now, on partitions of the first source.
    private static let lanes = (0..<2).map { number in
        LaneReport(
            source: SourceID(rawValue: 1),
            connection: ConsumerID(rawValue: 7),
            partition: PartitionID(source: SourceID(rawValue: 1), generation: 0, number: number),
            position: 10,
            end: 1510,
            settledBeyond: 3,
            unread: 1497,
            bytes: 1_497_000,
            bytesAreEstimate: number == 1,
            age: 3_725,
            lag: 65,
            parkedParts: 2,
            parkedAge: 4,
            state: "reading",
            holder: "node-a",
            epoch: 3,
            committedAge: 0.1
        )
    }

    /// Partitions of 150 events each, accepted in turns.
    private static func events(_ partition: PartitionID, _ from: Int64, _ limit: Int) -> [LoggedEvent] {
        (from..<max(from, min(150, from + Int64(limit)))).map { offset in
            LoggedEvent(
                offset: offset,
                acceptedAt: 1_700_000_000_000_000 + offset * 2000 + Int64(partition.number) * 1000,
                receivedAt: 1_700_000_000_000_000,
                type: "track",
                body: Array("{\"n\":\n\(offset)}".utf8)
            )
        }
    }

    private static func audit(_ isDeep: Bool) -> AuditReport {
        var report = AuditReport(checks: [AuditReport.Check(name: "chunks", rule: "no gaps", looked: 12_345)])
        (report.partitions, report.allPartitions, report.isComplete, report.duration) = (2, 2, true, 0.5)
        if isDeep { report.add("chunks", "partition 1.0.0", "offsets 10 to 19 are missing") }
        return report
    }
}
