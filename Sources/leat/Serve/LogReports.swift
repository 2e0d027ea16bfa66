import AdminAPI
import Catalog
import EventLog
import EventModel
import Foundation
import PluginHost

extension Reports {
    /// Reports from where each is kept: the log for events, the timing keeper for plugins.
    static func live(catalog: Catalog, log: EventLog, timings: TimingKeeper) -> Reports {
        Reports(
            timings: { plugin, since in
                let ids = plugin.map { [$0] } ?? Set(catalog.current.plugins.map(\.id)).sorted()
                let from = Int64((Date().timeIntervalSince1970 - since / .seconds(1)) * 1_000_000)
                var entries: [PluginTimings] = []
                for id in ids { entries += PluginTimings.entries(try await timings.timings(pluginID: id, since: from)) }
                return entries
            },
            counts: { try await StageCounts.read(catalog.current, log) },
            refused: { source, limit in
                try await RefusedReport.read(source.map { [$0] } ?? catalog.current.sources.map(\.id), limit, log)
            },
            log: LogQuestions(
                lanes: { try await log.laneReports($0, limit: $1) },
                partitions: { try await log.partitionReports($0) },
                events: { try await log.events($0, from: CatPlace(offset: $1, time: $2), limit: $3) },
                audit: { try await log.audit($0, isDeep: $1, within: $2) }
            )
        )
    }
}

extension StageCounts {
    fileprivate static func read(_ snapshot: CatalogSnapshot, _ log: EventLog) async throws -> StageCounts {
        let consumers = Dictionary(snapshot.connections.map { ($0.id, $0.source) }) { $1 }
        let counts = try await log.counts(of: snapshot.sources.map(\.id), consumers)
        return StageCounts(
            sources: snapshot.sources.map { source in
                OfSource(
                    source: source.id,
                    accepted: counts.accepted[source.id] ?? 0,
                    refused: counts.refused[source.id] ?? 0
                )
            },
            connections: snapshot.connections.map { connection in
                let found = counts.consumers[connection.id]
                return OfConnection(
                    connection: connection.id,
                    counts: found?.counts ?? Counts(),
                    unread: found?.unread ?? 0,
                    expired: found?.expired ?? 0,
                    reasons: found?.reasons ?? ReasonCounts()
                )
            }
        )
    }
}

extension RefusedReport {
    fileprivate static func read(
        _ sources: [SourceID],
        _ limit: Int,
        _ log: EventLog
    ) async throws -> [RefusedReport] {
        var samples: [RefusedSample] = []
        for source in sources { samples += try await log.refused(source, limit: limit) }
        return samples.sorted { $0.at > $1.at }.prefix(limit).map { sample in
            RefusedReport(
                source: sample.source,
                at: sample.at,
                code: sample.reason,
                message: sample.detail,
                event: String(decoding: sample.sample, as: UTF8.self)
            )
        }
    }
}
