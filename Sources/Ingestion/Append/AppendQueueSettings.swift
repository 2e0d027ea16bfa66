/// The bounds of the queue between requests and the log.
package struct AppendQueueSettings: Equatable, Sendable {
    /// How many statements run at a time, each with its own partitions.
    package var flushers = 2
    /// A flush waits for this many events of one partition, but not longer than `flushAfter`.
    package var flushEvents = 64
    /// A flush does not wait longer than this after its oldest event came.
    package var flushAfter = Duration.milliseconds(10)
    /// The most bytes of events in one chunk, before compression.
    package var chunkBytes = 256 * 1024
    /// The most bytes of request bodies that are being read or wait for their commit.
    package var waitingBytes = 256 * 1024 * 1024
    /// How long a commit may take before its requests are told to come again; the SDKs give up after 15 s.
    package var flushDeadline = Duration.seconds(8)
    /// How long the queue refuses at once after the database was away, before it tries again.
    package var restAfterLoss = Duration.milliseconds(500)

    package init() {}
}
