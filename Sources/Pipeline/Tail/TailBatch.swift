import EventModel

/// Events that passed a stage together, copied once for all who watch them.
final class TailBatch: Sendable {
    /// Where they are.
    struct Place: Sendable {
        let stage: TailStage
        let partition: PartitionID
        var connection: ConsumerID?
        var replay: ConsumerID?
        var destination: DestinationID?
    }

    /// One of them.
    struct Entry: Sendable {
        let offset: Int64
        let part: Int?
        let userHash: UInt64
        /// Where its JSON stands in ``bytes``.
        let range: Range<Int>
        var fate: TailFate?
    }

    let place: Place
    let plugins: [String]
    /// - Unit: microseconds since 1970.
    let at: Int64
    let bytes: [UInt8]
    let entries: [Entry]

    init(_ place: Place, plugins: [String] = [], at: Int64, bytes: [UInt8], entries: [Entry]) {
        self.place = place
        self.plugins = plugins
        self.at = at
        self.bytes = bytes
        self.entries = entries
    }

    func item(_ index: Int) -> TailItem {
        let entry = entries[index]
        return TailItem(
            stage: place.stage,
            partition: place.partition,
            connection: place.connection,
            replay: place.replay,
            offset: entry.offset,
            part: entry.part,
            at: at,
            plugins: plugins,
            fate: entry.fate,
            json: bytes[entry.range]
        )
    }
}
