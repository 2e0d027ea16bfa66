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
                counts: news.counts
            )
        )
        parked += news.parked.map { $0.record(of: lane) }
        unparked += news.released.map { ParkedID(lane: lane, offset: $0.offset, part: $0.part) }
        deadLetters += news.deadLetters.map { $0.record(of: lane) }
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
            attempts: attempts.last?.number ?? 0,
            before: before.isEmpty ? nil : before,
            after: after,
            history: history
        )
    }

    /// One try as it is kept for people.
    private struct Try: Encodable {
        var number: Int
        /// - Unit: microseconds since 1970.
        var at: Int64
        var microseconds: Int64
        var code: String
        var answer: String
    }

    private var history: String? {
        guard !attempts.isEmpty else { return nil }
        let tries = attempts.map { attempt in
            Try(
                number: attempt.number,
                at: attempt.at,
                microseconds: attempt.duration.microseconds,
                code: attempt.code,
                answer: attempt.text
            )
        }
        return (try? JSONEncoder().encode(tries)).map { String(decoding: $0, as: UTF8.self) }
    }
}
