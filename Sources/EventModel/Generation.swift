/// One partitioning of a source's log; changing the number of partitions begins the next one.
package struct Generation: Hashable, Sendable {
    package let source: SourceID
    /// From 0, in the order of the changes.
    package let number: UInt16
    package let partitions: UInt8

    package init(source: SourceID, number: UInt16, partitions: UInt8) {
        self.source = source
        self.number = number
        self.partitions = partitions
    }

    /// In the order of their numbers.
    package var partitionIDs: [PartitionID] {
        (0..<partitions).map { PartitionID(source: source, generation: number, number: $0) }
    }

    /// The number of the partition that all events of a user belong to.
    package func number(of userHash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: userHash % UInt64(partitions)) }

    /// The partition that all events of a user belong to.
    package func partition(of userHash: UInt64) -> PartitionID {
        PartitionID(source: source, generation: self.number, number: number(of: userHash))
    }

    /// The partitions that can have users of the partition with this number of a generation of `count` partitions.
    ///
    /// Both numbers are remainders of the same hash, so they leave the same remainder when divided by what divides both
    /// counts.
    package func partitionIDs(sharing number: UInt8, of count: UInt8) -> [PartitionID] {
        var (divisor, rest) = (count, partitions)
        while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
        return partitionIDs.filter { $0.number % divisor == number % divisor }
    }
}
