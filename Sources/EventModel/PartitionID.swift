/// One ordered sequence of the log: a source, a generation of its partitioning, and a number within it.
///
/// - Shape: one 64-bit integer, `source << 24 | generation << 8 | number`, so that the database needs one key and
///   nobody a look-up.
package struct PartitionID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    package init(source: SourceID, generation: UInt16, number: UInt8) {
        rawValue = source.rawValue << 24 | Int64(generation) << 8 | Int64(number)
    }

    /// Reads what `description` writes; nil where the text is none of that.
    package init?(text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let source = Int64(parts[0]), (0..<Int64(1) << 39).contains(source),
            let generation = UInt16(parts[1]), let number = UInt8(parts[2])
        else { return nil }
        self.init(source: SourceID(rawValue: source), generation: generation, number: number)
    }

    package var source: SourceID { SourceID(rawValue: rawValue >> 24) }
    package var generation: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 8) }
    package var number: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    package var description: String { "\(source).\(generation).\(number)" }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
