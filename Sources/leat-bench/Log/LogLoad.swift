import EventLog
import EventModel

/// Events ready to be appended, as ingestion would hand them over under load.
///
/// - Shape: four partitions, two appenders with two partitions each, about 1,000 events a statement.
struct LogLoad: Sendable {
    static let eventsTogether = 1_000
    static let appenders = 2

    let partitions: [PartitionID]
    /// What each appender sends, in turn.
    private let statements: [[[ChunkDraft]]]

    init(_ events: SampleEvents, source: Int64 = 1) {
        let partitions = (0..<4).map { number in
            PartitionID(source: SourceID(rawValue: source), generation: 1, number: UInt8(number))
        }
        self.partitions = partitions
        statements = (0..<Self.appenders).map { appender in
            let mine = [partitions[appender], partitions[appender + Self.appenders]]
            return stride(from: 0, to: events.count - Self.eventsTogether + 1, by: Self.eventsTogether).map { start in
                mine.enumerated().map { place, partition in
                    let half = Self.eventsTogether / mine.count
                    return Self.draft(events, start + place * half..<start + (place + 1) * half, for: partition)
                }
            }
        }
    }

    private static func draft(_ events: SampleEvents, _ range: Range<Int>, for partition: PartitionID) -> ChunkDraft {
        var draft = ChunkDraft(partition: partition)
        draft.reserve(events: range.count, bytes: range.count * 1_100)
        for index in range {
            let entry = DirectoryEntry(
                length: events[index].count,
                type: .track,
                receivedAt: 0,
                userHash: UInt64(index % 1_000),
                nameHash: 0,
                messageHash: EventHash.message("\(index)")
            )
            draft.append(entry, Array(events[index]))
        }
        return draft
    }

    /// Appends until `isEnough` says so, asked with the events that one appender has written; how many there are in all.
    func append(to log: EventLog, until isEnough: @escaping @Sendable (Int) -> Bool) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for statements in statements {
                group.addTask {
                    var events = 0
                    var turn = 0
                    while !isEnough(events) {
                        _ = try await log.append(statements[turn % statements.count])
                        events += Self.eventsTogether
                        turn += 1
                    }
                    return events
                }
            }
            return try await group.reduce(0, +)
        }
    }

    /// Appends for `time`; events a second.
    func rate(to log: EventLog, for time: Duration) async throws -> Double {
        let start = ContinuousClock.now
        let events = try await append(to: log) { _ in ContinuousClock.now >= start + time }
        return Double(events) / ((ContinuousClock.now - start) / .seconds(1))
    }
}
