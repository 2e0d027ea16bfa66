/// An event, or a part of one, that is not tried again without a person.
package struct DeadLetterReport: Equatable, Sendable {
    /// What a person did, and when.
    package struct Deed: Equatable, Sendable {
        /// - Unit: microseconds since 1970, UTC.
        package let at: Int64
        /// The name of a token, or the number of a replay.
        package let by: String

        package init(at: Int64, by: String) {
            self.at = at
            self.by = by
        }
    }

    package let id: DeadLetterID
    package let userHash: UInt64
    /// `read`, `transform`, `connect` or `deliver`.
    package let stage: String
    package let code: String
    package let message: String
    /// The plugin version in force, as `id@version`.
    package let plugin: String?
    package let attempts: Int
    /// The last time that its event was edited, unless that was undone.
    package let edited: Deed?
    /// The last time that it was taken up again, by the replay of this number.
    package let requeued: Deed?

    package init(
        id: DeadLetterID,
        userHash: UInt64 = 0,
        stage: String,
        code: String,
        message: String,
        plugin: String?,
        attempts: Int,
        edited: Deed? = nil,
        requeued: Deed? = nil
    ) {
        self.id = id
        self.userHash = userHash
        self.stage = stage
        self.code = code
        self.message = message
        self.plugin = plugin
        self.attempts = attempts
        self.edited = edited
        self.requeued = requeued
    }
}

/// Everything that is kept of a dead letter.
package struct DeadLetterRecord: Equatable, Sendable {
    package let report: DeadLetterReport
    /// The time of the chunk that holds the event.
    /// - Unit: microseconds since 1970, UTC.
    package let acceptedAt: Int64
    /// The event as accepted, if it is kept.
    package let event: [UInt8]?
    /// The part as it was when it failed; nil when that is the event itself.
    package let transformed: [UInt8]?
    /// What a person made of the event.
    package let edited: [UInt8]?
    /// The latest attempts with what was answered, as JSON.
    package let history: String?

    package init(
        report: DeadLetterReport,
        acceptedAt: Int64,
        event: [UInt8]?,
        transformed: [UInt8]?,
        edited: [UInt8]?,
        history: String?
    ) {
        self.report = report
        self.acceptedAt = acceptedAt
        self.event = event
        self.transformed = transformed
        self.edited = edited
        self.history = history
    }
}

/// Dead letters, the newest first, and where the next ones begin; nil when there are no more.
package struct DeadLetterPage: Equatable, Sendable {
    package var letters: [DeadLetterReport]
    /// The next begin behind this place, at which a dead letter may or may not stand.
    package var next: DeadLetterID?

    package init(letters: [DeadLetterReport] = [], next: DeadLetterID? = nil) {
        self.letters = letters
        self.next = next
    }

    /// Adds another consumer's, so that what both have looked at stands in one order; beyond where one of them has not
    /// looked yet, or beyond the limit, is left to the next page.
    package mutating func add(_ other: DeadLetterPage, limit: Int) {
        letters = (letters + other.letters).sorted { $0.id.precedes($1.id) }
        if let end = other.next { next = next.map { $0.precedes(end) ? $0 : end } ?? end }
        if let next, let beyond = letters.firstIndex(where: { next.precedes($0.id) }) {
            letters.removeSubrange(beyond...)
        }
        guard letters.count > limit else { return }
        letters.removeSubrange(limit...)
        next = letters.last?.id
    }
}

/// Dead letters that came to the same end in the same place.
package struct DeadLetterGroup: Equatable, Sendable {
    package let consumer: ConsumerID
    package let stage: String
    package let code: String
    package let plugin: String?
    package var letters: Int64
    /// - Unit: microseconds since 1970, UTC.
    package var first: Int64
    package var last: Int64

    package init(
        consumer: ConsumerID,
        stage: String,
        code: String,
        plugin: String?,
        letters: Int64,
        first: Int64,
        last: Int64
    ) {
        self.consumer = consumer
        self.stage = stage
        self.code = code
        self.plugin = plugin
        self.letters = letters
        self.first = first
        self.last = last
    }
}

/// Dead letters in groups, and those that are not there any more.
package struct DeadLetterSummary: Equatable, Sendable {
    /// The largest first.
    package var groups: [DeadLetterGroup] = []
    /// Of some of the consumers what died before was not counted; nil where everything was.
    /// - Unit: microseconds since 1970, UTC.
    package var cutAt: Int64?
    /// Consumers that there was no time for.
    package var uncounted = 0
    /// How many had their time and are gone, by consumer.
    package var expired: [ConsumerID: Int64] = [:]

    package init() {}
}
