/// How much a source may send, over all nodes; nil where there is no limit.
package struct SourceLimits: Equatable, Sendable {
    package var eventsPerSecond: Int64?
    /// - Unit: bytes of request bodies, once inflated.
    package var bytesPerSecond: Int64?
    /// Of a day in UTC, by the database's clock.
    /// - Unit: bytes of accepted events.
    package var bytesPerDay: Int64?

    package init(eventsPerSecond: Int64? = nil, bytesPerSecond: Int64? = nil, bytesPerDay: Int64? = nil) {
        self.eventsPerSecond = eventsPerSecond
        self.bytesPerSecond = bytesPerSecond
        self.bytesPerDay = bytesPerDay
    }

    /// What a source gets that says nothing.
    package static let none = SourceLimits()
    /// What each of them may be; a header field has no room for more digits.
    package static let range = 1...999_999_999_999_999

    /// Each by its key in a declaration.
    package var members: [(key: String, value: Int64?)] {
        [("eventsPerSecond", eventsPerSecond), ("bytesPerSecond", bytesPerSecond), ("bytesPerDay", bytesPerDay)]
    }
}
