package import EventModel

/// Where events come from, as the log and the lanes need to know it.
package struct Source: Equatable, Sendable {
    package let id: SourceID
    /// - Shape: a slug, see ``Slug``.
    package let name: String
    /// A source that is not enabled refuses events; what it accepted before is still delivered.
    package let enabled: Bool
    /// How many partitions the current generation has.
    package let partitions: UInt8
    /// Counts the changes of the partitioning; the log of an older generation is drained before a newer one is read.
    package let generation: UInt16
    /// The earlier generations of which something is left, the oldest first; they take no more events.
    package let closed: [Generation]
    package let limits: SourceLimits
    /// What its events go through before the transformations of each connection, once for all of them.
    package let transformations: [Transformation]

    package init(
        id: SourceID,
        name: String,
        enabled: Bool,
        partitions: UInt8,
        generation: UInt16,
        closed: [Generation] = [],
        limits: SourceLimits = .none,
        transformations: [Transformation] = []
    ) {
        self.transformations = transformations
        self.limits = limits
        self.id = id
        self.name = name
        self.enabled = enabled
        self.partitions = partitions
        self.generation = generation
        self.closed = closed
    }

    /// The most partitions one source may have.
    package static let maximumPartitions = 64
    /// What a source gets that does not say: chunks must be filled to pay, so few partitions serve better than many.
    package static let defaultPartitions = 4

    /// The most earlier generations of which something may be left.
    package static let maximumClosed = 16

    /// The generation that takes events.
    package var current: Generation { Generation(source: id, number: generation, partitions: partitions) }

    /// The partitions of the current generation, in the order of their numbers.
    package var partitionIDs: [PartitionID] { current.partitionIDs }

    /// The partitions of all generations of which something is left, the oldest generation first.
    package var allPartitionIDs: [PartitionID] { closed.flatMap(\.partitionIDs) + partitionIDs }
}

/// A write key as the catalog keeps it: enough to recognise it, never enough to use it.
package struct WriteKey: Equatable, Sendable {
    package let hash: SecretHash
    package let source: SourceID
    /// Names the key where it is revoked: the first digits of its hash.
    package var id: String { hash.hexadecimal(bytes: 6) }
    /// The last four characters, so that a person can tell two keys apart.
    package let hint: String
    /// - Unit: microseconds since 1970, UTC.
    package let createdAt: Int64

    package init(hash: SecretHash, source: SourceID, hint: String, createdAt: Int64) {
        self.hash = hash
        self.source = source
        self.hint = hint
        self.createdAt = createdAt
    }
}
