/// Where a reader stands in a partition.
package struct LogPosition: Hashable, Sendable, Comparable {
    /// The next offset to read.
    package var offset: Int64
    /// The time of the chunk that holds it, or of the last chunk before it: slices before this time are not looked at.
    /// - Unit: microseconds since 1970.
    package var sliceTime: Int64

    package init(offset: Int64, sliceTime: Int64) {
        self.offset = offset
        self.sliceTime = sliceTime
    }

    /// Before the first event that is kept.
    package static let beginning = LogPosition(offset: 0, sliceTime: 0)

    package static func < (left: Self, right: Self) -> Bool { left.offset < right.offset }
}
