import AdminAPI
import Catalog
import EventLog
import EventModel
import Logging
import PluginHost
import PostgreSQL
import TestSupport
import Testing

@testable import leat

/// Reports as a server makes them from its own log and timings.
@Suite(.timeLimit(.minutes(2))) struct ReportTests {
    @Test func `Timings of both measures and of all nodes become one entry per version`() {
        func row(_ version: String, _ measure: TimingMeasure, _ values: [(Int64, Int64)]) -> TimingRow {
            let count = values.reduce(0) { $0 + $1.1 }
            let distribution = TimingDistribution(
                count: count,
                sum: values.reduce(0) { $0 + $1.0 * $1.1 },
                max: values.map(\.0).max() ?? 0,
                buckets: values,
                failures: measure == .execution ? ["deadline": 1] : [:]
            )
            return TimingRow(pluginID: "com.example.mask", version: version, measure: measure, values: distribution)
        }
        let entries = PluginTimings.entries([
            row("1.1.0", .creation, [(4000, 1)]), row("1.0.0", .execution, [(100, 90), (2000, 10)]),
            row("1.0.0", .execution, [(100, 90), (2000, 10)]), row("1.0.0", .inputBytes, [(1024, 200)]),
        ])
        #expect(entries.map(\.version) == ["1.0.0", "1.1.0"])
        #expect(entries[0].execution.count == 200 && entries[0].execution.max == 0.002)
        #expect(abs((entries[0].execution.p50 ?? 0) - 0.0001) < 0.000_002)
        #expect(entries[0].failures == ["deadline": 2])
        #expect(entries[0].creation == Quantiles(count: 0, p50: nil, p90: nil, p99: nil, max: nil))
        #expect(entries[1].creation.p99 == 0.004)
    }

    private static func entry(_ number: Int) -> DirectoryEntry {
        DirectoryEntry(
            length: 2,
            type: .track,
            receivedAt: 0,
            userHash: 1,
            nameHash: 0,
            messageHash: MessageHash(high: 0, low: UInt64(number))
        )
    }

    @Test func `What was accepted and refused is counted, and what nobody read is unread`() async throws {
        try await Database.temporary { pool in
            let catalog = try await Catalog.open(pool: pool, logger: Logger(label: "test"))
            let upload = PluginUpload(
                id: "leat.webhook",
                version: "1.0.0",
                kind: .requests,
                manifest: "{}",
                library: [1],
                sha256: SecretHash(of: "\u{1}").bytes
            )
            _ = try await catalog.add(upload, activate: true, by: "test")
            let text = """
                sources: [{name: web, partitions: 2}, {name: app}]
                destinations: [{name: crm, connector: leat.webhook}]
                connections: [{source: web, destination: crm}]
                """
            let (declaration, _) = Declaration.read(try Document.yaml(text))
            _ = try await catalog.apply(declaration, by: "test")
            let web = try #require(catalog.current.source(named: "web"))
            let log = EventLog(pool)
            for partition in web.partitionIDs {
                var draft = ChunkDraft(partition: partition)
                for number in 0..<3 { draft.append(Self.entry(number), Array("{}".utf8)) }
                _ = try await log.append([draft])
            }
            try await log.refuse(
                RefusedFlush(
                    number: 1,
                    at: 0,
                    counts: [RefusedCount(source: web.id, reason: "too_large", events: 5)],
                    samples: [RefusedSample(source: web.id, reason: "too_large", detail: "Too large.", sample: [0x7B])]
                ),
                of: NodeID(rawValue: 1)
            )
            let recorder = TimingRecorder()
            let store = TimingStore(pool: pool, node: NodeID(rawValue: 1))
            let keeper = TimingKeeper(recorder: recorder, store: store, logger: Logger(label: "test"))
            let reports = Reports.live(catalog: catalog, log: log, timings: keeper)
            let counts = try await reports.counts()
            #expect(counts.sources.map(\.accepted) == [6, 0] && counts.sources.map(\.refused) == [5, 0])
            #expect(counts.connections.map(\.unread) == [6] && counts.connections.map(\.counts.read) == [0])
            #expect(try await reports.refused(nil, 10).map(\.event) == ["{"])
            #expect(try await reports.refused(web.id, 10).map(\.code) == ["too_large"])
            #expect(try await log.letters(DeadLetterFilter(), behind: nil, limit: 10).letters.isEmpty)
            #expect(try await reports.timings(nil, .seconds(60)).isEmpty)
        }
    }
}
