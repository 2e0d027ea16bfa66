/// What waits in one lane, for people to see; on the path of an event that nothing keeps, none of it changes.
struct LaneStanding: Equatable, Sendable {
    /// Events that wait for more, so that requests are filled, and until when.
    /// - Unit: events; microseconds since 1970, as the next.
    var lingering = 0
    var lingersUntil: Int64?
    /// What is set aside, and when the first of it is due; nil if none is.
    var parked = 0
    var nextDue: Int64?
    /// Lanes that read nothing more, for anybody, since as much is set aside as may be.
    var full = 0
}
