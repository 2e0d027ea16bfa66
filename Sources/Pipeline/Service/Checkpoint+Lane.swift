import Delivery
import EventLog
import EventModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension Checkpoint {
    /// Adds what one lane wants committed.
    mutating func add(_ page: CheckpointBatch.Page) {
        let (lane, news) = (page.lane, page.checkpoint)
        lanes.append(
            LaneRecord(
                lane: lane,
                number: page.number,
                start: page.start,
                position: LogPosition(offset: news.position, sliceTime: news.sliceTime),
                beyond: news.beyond,
                expired: news.expired,
                counts: news.counts,
                reasons: news.reasons
            )
        )
        parked += news.parked.map { $0.record(of: lane, news.pasts[$0.key]) }
        unparked += news.released.map { ParkedID(lane: lane, offset: $0.offset, part: $0.part) }
        deadLetters += news.deadLetters.map { $0.record(of: lane) }
        chains += news.chains.map { $0.record(of: lane) }
        traces += news.traces.compactMap { $0.record(of: lane) }
    }
}

extension LaneDeadLetter {
    /// - Unit: bytes of a reason.
    private static let maximumReason = 2048

    func record(of lane: LaneID) -> DeadLetter {
        DeadLetter(
            lane: lane,
            offset: offset,
            part: part,
            userHash: userHash,
            sliceTime: sliceTime,
            stage: stage.name,
            code: code,
            reason: String(reason.prefix(Self.maximumReason)),
            plugin: plugin.id.isEmpty ? nil : "\(plugin.id)@\(plugin.version)",
            attempts: attempts.last?.number ?? tried,
            before: before.isEmpty ? nil : before,
            after: after,
            history: PathAttempt.list(attempts).lines
        )
    }
}

extension [PathAttempt] {
    /// One JSON text a line; nil for none.
    var lines: String? {
        let encoder = JSONEncoder()
        let texts = compactMap { try? encoder.encode($0) }.map { String(decoding: $0, as: UTF8.self) }
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }
}

extension LaneChain.Row {
    func record(of lane: LaneID) -> ChainRecord {
        let stages = (try? JSONEncoder().encode(self.stages.map(\.path))).map { String(decoding: $0, as: UTF8.self) }
        return ChainRecord(lane: lane, from: from, offsets: offsets, stages: stages ?? "[]")
    }
}

extension EventTrace {
    func record(of lane: LaneID) -> TraceRecord? {
        guard let text = try? JSONEncoder().encode(pass) else { return nil }
        return TraceRecord(
            lane: lane,
            offset: offset,
            part: end.part,
            userHash: userHash,
            message: message,
            sliceTime: sliceTime,
            cause: cause.rawValue,
            outcome: end.outcome,
            record: String(decoding: text, as: UTF8.self)
        )
    }
}
