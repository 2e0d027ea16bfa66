/// Names one dead letter, for as long as it is kept.
///
/// - Shape: partition, consumer, time in microseconds, offset, and for a part its number, with `-` between:
///   `1.0.3-7-1764000000123456-42-0`. It stands in a path as it is.
package struct DeadLetterID: Hashable, Sendable, CustomStringConvertible {
    package let partition: PartitionID
    package let consumer: ConsumerID
    /// When it was committed.
    /// - Unit: microseconds since 1970, UTC.
    package let at: Int64
    package let offset: Int64
    /// Nil for a whole event.
    package let part: Int?

    package init(partition: PartitionID, consumer: ConsumerID, at: Int64, offset: Int64, part: Int?) {
        self.partition = partition
        self.consumer = consumer
        self.at = at
        self.offset = offset
        self.part = part
    }

    /// Reads what `description` writes; nil where the text is none of that.
    package init?(text: some StringProtocol) {
        let words = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (4...5).contains(words.count), let partition = PartitionID(text: words[0]),
            let consumer = Self.number(words[1]), let at = Self.number(words[2]), at <= Self.latest,
            let offset = Self.number(words[3])
        else { return nil }
        var part: Int?
        if words.count == 5 {
            guard let number = Self.number(words[4]), number <= Int32.max else { return nil }
            part = Int(number)
        }
        self.init(partition: partition, consumer: ConsumerID(rawValue: consumer), at: at, offset: offset, part: part)
    }

    package var description: String {
        "\(partition)-\(consumer)-\(at)-\(offset)" + (part.map { "-\($0)" } ?? "")
    }

    /// Whether it stands before another where the newest come first.
    package func precedes(_ other: DeadLetterID) -> Bool { other.place < place }

    private var place: (Int64, Int64, Int64, Int64, Int) {
        (at, partition.rawValue, consumer.rawValue, offset, part ?? -1)
    }

    /// Beyond all times that PostgreSQL is asked about.
    package static let latest: Int64 = 9_000_000_000_000_000

    private static func number(_ word: some StringProtocol) -> Int64? {
        word.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(word) : nil
    }
}
