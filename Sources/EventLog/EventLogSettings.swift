/// How the log behaves; every bound has its unit in its type or its name.
package struct EventLogSettings: Sendable {
    /// How chunks are compressed.
    package var codec = Codec.lz4
    /// The chunks kept for readers on this node, in bytes of their bodies.
    package var cacheBytes = 128 * 1024 * 1024
    /// How long one slice of the log is.
    package var sliceLength = Duration.seconds(3 * 3600)
    /// How many slices exist ahead of time.
    package var slicesAhead = 4
    /// How long the log keeps events that everybody has read.
    package var retention = Duration.seconds(72 * 3600)
    /// How large the log may be on disk, in bytes, before slices go although their time has not come; 0 for no bound.
    package var logBytes: Int64 = 0
    /// How old the oldest unread event of a consumer that holds must be, before its source is pushed back at the bound.
    package var pushBackPatience = Duration.seconds(60)
    /// How long dead letters are kept.
    package var deadLetterRetention = Duration.seconds(30 * 86_400)
    /// How long the ways of single events are kept.
    package var traceRetention = Duration.seconds(7 * 86_400)
    /// How long refused events are counted by the minute, and samples of them are kept; their totals stay.
    package var refusedRetention = Duration.seconds(30 * 86_400)
    /// How long plugin timings are kept.
    package var timingRetention = Duration.seconds(30 * 86_400)
    /// How far back a repeated message id is looked for.
    package var duplicateWindow = Duration.seconds(24 * 3600)
    /// The message ids that a node has memory for, 48 bytes each; where that is too little, windows get shorter.
    package var duplicateEntries = 4_000_000
    /// How long a node may send after the last sign of life that the database has confirmed.
    package var leaseTime = Duration.seconds(5)
    /// How often a node says that it lives.
    package var beatPeriod = Duration.seconds(1)
    /// How long others wait beyond the lease time, so that requests in flight are called off.
    package var cancelTime = Duration.seconds(2)
    /// The shortest time between two notifications of other nodes.
    package var notifyPeriod = Duration.milliseconds(20)
    /// How often it is looked where partitions end although nobody told of anything.
    package var pollPeriod = Duration.seconds(30)
    /// How often slices are made and dropped.
    package var upkeepPeriod = Duration.seconds(60)
    /// The same while the log is larger than its bound.
    package var fullUpkeepPeriod = Duration.seconds(5)
    /// How long dropping one slice waits for those who use it, before it is left to a later round.
    package var dropPatience = Duration.seconds(1)
    /// How long a slice must be over before it is measured, so that no append to it is still under way.
    package var measureAfter = Duration.seconds(600)

    package init() {}
}
