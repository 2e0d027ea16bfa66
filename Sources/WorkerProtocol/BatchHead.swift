/// What holds for a whole batch.
package struct BatchHead: Equatable, Sendable {
    package var kind: ArenaKind
    /// Counts up for the life of a worker, so that an answer to an older batch shows.
    package var batch: UInt64
    /// When the worker is killed, on the monotonic clock, in nanoseconds.
    package var deadlineNanoseconds: Int64
    /// The wall clock at hand-over, nanoseconds since 1970.
    package var wallNanoseconds: Int64
    /// The longest JSON that a plugin may emit at once, in bytes.
    package var partBytes: Int
    /// The most parts that one event may become.
    package var fanOut: Int
    /// The most bytes that all events of the batch together may become.
    package var outputBytes: Int

    package init(
        kind: ArenaKind,
        batch: UInt64,
        deadlineNanoseconds: Int64,
        wallNanoseconds: Int64,
        partBytes: Int = BatchHead.defaultPartBytes,
        fanOut: Int = 100,
        outputBytes: Int = ArenaLayout.largestBytes
    ) {
        self.kind = kind
        self.batch = batch
        self.deadlineNanoseconds = deadlineNanoseconds
        self.wallNanoseconds = wallNanoseconds
        self.partBytes = partBytes
        self.fanOut = fanOut
        self.outputBytes = outputBytes
    }

    /// One MiB.
    package static let defaultPartBytes = 1024 * 1024
    /// How deep the JSON of a part may be nested.
    package static let partDepth = 64
}
