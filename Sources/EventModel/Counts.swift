/// How many events of a lane met which end, since the lane began.
///
/// In every committed state `read = duplicates + filtered + dropped + failed + transformed` and
/// `emitted = delivered + deadLettered + waiting`. Events are counted until they are transformed, parts after that.
package struct Counts: Equatable, Sendable {
    /// Events whose fate as an event is decided.
    package var read: Int64 = 0
    /// Events that repeat a message id inside the window.
    package var duplicates: Int64 = 0
    /// Events that the connection does not want.
    package var filtered: Int64 = 0
    /// Events that a plugin dropped on purpose.
    package var dropped: Int64 = 0
    /// Events that a plugin could not handle; each is a dead letter.
    package var failed: Int64 = 0
    /// Events that passed every transformation.
    package var transformed: Int64 = 0
    /// Parts that the transformed events became.
    package var emitted: Int64 = 0
    /// Parts that the destination took.
    package var delivered: Int64 = 0
    /// Parts that are not tried again without a person.
    package var deadLettered: Int64 = 0
    /// Parts that wait for their next attempt.
    package var waiting: Int64 = 0

    package init() {}

    /// Whether both equations hold.
    package var reconcile: Bool {
        read == duplicates + filtered + dropped + failed + transformed
            && emitted == delivered + deadLettered + waiting
    }

    package static func += (total: inout Counts, more: Counts) {
        total.read += more.read
        total.duplicates += more.duplicates
        total.filtered += more.filtered
        total.dropped += more.dropped
        total.failed += more.failed
        total.transformed += more.transformed
        total.emitted += more.emitted
        total.delivered += more.delivered
        total.deadLettered += more.deadLettered
        total.waiting += more.waiting
    }
}
