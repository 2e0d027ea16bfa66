import AdminAPI
import Catalog
import EventLog
import EventModel
import Foundation
import PluginHost

extension Server {
    /// What the administration interface asks of the parts that keep it.
    var reports: Reports {
        Reports(
            timings: { plugin, since in try await timings(of: plugin, since: since) },
            counts: { try await counts() },
            deadLetters: { consumer, limit in try await deadLetters(of: consumer, limit: limit) },
            refused: { source, limit in try await refused(of: source, limit: limit) }
        )
    }

    private func timings(of plugin: String?, since: Duration) async throws -> [PluginTimings] {
        let from = Int64(Date.now.timeIntervalSince1970 * 1_000_000) - since.microseconds
        let known = Set(catalog.current.plugins.map(\.id))
        var reports: [PluginTimings] = []
        for id in (plugin.map { [$0] } ?? known.sorted()) {
            reports += PluginTimings.entries(try await timings.timings(pluginID: id, since: from))
        }
        return reports
    }

    private func counts() async throws -> StageCounts {
        let snapshot = catalog.current
        let refused = try await log.refusedCounts(snapshot.sources.map(\.id))
        var sources: [StageCounts.OfSource] = []
        for source in snapshot.sources {
            let accepted = try await log.accepted(source.everyPartition).values.reduce(0, +)
            let refused = refused.filter { $0.source == source.id }.reduce(0) { $0 + $1.events }
            sources.append(.init(source: source.id, accepted: accepted, refused: refused))
        }
        var connections: [StageCounts.OfConnection] = []
        for connection in snapshot.connections {
            guard let source = snapshot.source(connection.source) else { continue }
            let counts = try await log.counts(of: connection.id, source.everyPartition)
            connections.append(
                .init(connection: connection.id, counts: counts.counts, unread: counts.unread, expired: counts.expired)
            )
        }
        return StageCounts(sources: sources, connections: connections)
    }

    private func deadLetters(of consumer: ConsumerID?, limit: Int) async throws -> [DeadLetterReport] {
        var letters: [DeadLetter] = []
        for id in consumer.map({ [$0] }) ?? catalog.current.connections.map(\.id) {
            letters += try await log.deadLetters(of: id, limit: limit)
        }
        return letters.sorted { $0.diedAt > $1.diedAt }.prefix(limit).map(DeadLetterReport.init)
    }

    private func refused(of source: SourceID?, limit: Int) async throws -> [RefusedReport] {
        var samples: [RefusedSample] = []
        for id in source.map({ [$0] }) ?? catalog.current.sources.map(\.id) {
            samples += try await log.refused(id, limit: limit)
        }
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

extension Source {
    /// The partitions of the current generation.
    fileprivate var everyPartition: [PartitionID] {
        (0..<partitions).map { PartitionID(source: id, generation: generation, number: $0) }
    }
}

extension DeadLetterReport {
    fileprivate init(_ letter: DeadLetter) {
        self.init(
            connection: letter.lane.consumer,
            partition: letter.lane.partition,
            offset: letter.offset,
            part: letter.part,
            at: letter.diedAt,
            stage: letter.stage,
            code: letter.code,
            message: letter.reason,
            plugin: letter.plugin,
            attempts: letter.attempts,
            event: letter.before.map { String(decoding: $0, as: UTF8.self) },
            transformed: letter.after.map { String(decoding: $0, as: UTF8.self) },
            history: letter.history
        )
    }
}
