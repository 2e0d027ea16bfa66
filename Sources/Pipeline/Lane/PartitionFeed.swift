import EventLog
import EventModel

/// Chunks on their way to a lane, with what was decided of each event before anybody parsed it.
struct DecidedChunks: Sendable {
    var events: [LaneEvent] = []
    var chunks: [(first: Int64, time: Int64, end: LogPosition)] = []
}

/// Reads one partition for the lanes of this node.
final class PartitionFeed: Sendable {
    private let log: EventLog
    private let partition: PartitionID
    private let window: DuplicateWindow

    init(_ log: EventLog, _ partition: PartitionID, _ window: DuplicateWindow) {
        self.log = log
        self.partition = partition
        self.window = window
    }

    /// The events from `position` on, as many chunks as begin within `room` events.
    ///
    /// - Throws: `database`; `corruptChunk` if the first chunk's directory is damaged, so that nothing is known of its
    ///   events.
    func read(after position: LogPosition, room: Int) async throws(EventLogError) -> DecidedChunks {
        let chunks = try await log.read(partition, after: position, limit: Self.limit)
        var decided = DecidedChunks()
        for chunk in chunks {
            if decided.events.count >= room { break }
            guard chunk.count > 0 else {
                decided.chunks.append((chunk.firstOffset, chunk.sliceTime, chunk.end))
                continue
            }
            var bodies: ChunkBodies?
            var damage = ""
            do throws(EventLogError) {
                bodies = try chunk.bodies()
            } catch {
                log.note(error)
                damage = error.description
            }
            var repeated = try await window.duplicates(in: chunk)[...]
            for place in chunk.entries.indices {
                let isRepeated = repeated.first == place
                if isRepeated { repeated.removeFirst() }
                guard chunk.firstOffset + Int64(place) >= position.offset else { continue }
                let choice: LaneEvent.Choice =
                    isRepeated ? .duplicate : bodies == nil ? .damaged(damage) : .wanted
                decided.events.append(LaneEvent(chunk, place, bodies?[place] ?? [], choice: choice))
            }
            decided.chunks.append((chunk.firstOffset, chunk.sliceTime, chunk.end))
        }
        return decided
    }

    /// One portion's worth; more waits in the cache.
    private static let limit = ReadLimit(chunks: 64, bytes: 512 * 1024)
}
