package import Delivery

/// The bounds of one lane.
package struct LaneSettings: Sendable {
    /// Events that were read and are not settled.
    package var windowEvents = 8 * 1024
    /// Their bytes as accepted, and as transformations made of them.
    package var windowBytes = 16 * 1024 * 1024
    /// Events that go through the stages together.
    package var portionEvents = 500
    /// Portions between reading and delivery, so that no stage waits for the one before it.
    package var portionsAhead = 4
    /// Events that may be set aside before the lane stands still.
    package var parkedEvents = 20_000
    /// Bytes of events that may be set aside before the lane stands still.
    package var parkedBytes = 16 * 1024 * 1024
    /// Dead letters that may wait for their commit before the lane reads nothing more.
    package var deadLetters = 2_000
    /// Bytes of dead letters and parked parts that may wait for their commit before the lane reads nothing more.
    package var uncommittedBytes = 16 * 1024 * 1024
    /// Events of parked users that are taken up again together.
    package var releaseEvents = 256
    /// Requests that one request of several events is divided into.
    package var divisor = 8
    /// When events that a plugin wants to try again are tried again.
    package var schedule = RetrySchedule()

    package init() {}
}
