import EventModel
import Logging
import Synchronization

/// The damaged chunks that were met since the start.
struct Damage {
    private struct Place: Hashable {
        let partition: PartitionID
        let firstOffset: Int64
    }

    private var places: Set<Place> = []
    var count: Int { places.count }

    /// The most that are told apart; beyond it none is counted or spoken of.
    private static let most = 10_000

    /// Whether it is the first time that this one is met.
    mutating func insert(_ partition: PartitionID, _ firstOffset: Int64) -> Bool {
        places.count < Self.most && places.insert(Place(partition: partition, firstOffset: firstOffset)).inserted
    }
}

extension EventLog {
    /// How many different chunks were found damaged since the start.
    package var damagedChunks: Int { damage.withLock { $0.count } }

    /// Counts a damaged chunk and speaks of it, when it is met for the first time; other errors are not of concern.
    package func note(_ error: EventLogError) {
        guard case .corruptChunk(let partition, let offset, _) = error,
            damage.withLock({ $0.insert(partition, offset) })
        else { return }
        logger.error(
            """
            A chunk of the log is damaged. Lanes count its events as failed, or stand still before it if its directory \
            cannot be read; its message ids are not found again. Check the database's disk, and restore the chunk from \
            a backup.
            """,
            metadata: [
                "partition": "\(partition)", "offset": "\(offset)", "error.code": "\(error.code)",
                "error": "\(error)",
            ]
        )
    }
}
