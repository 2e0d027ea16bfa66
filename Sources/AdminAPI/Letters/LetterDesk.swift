package import EventModel

/// What the admin interface can show of dead letters, and do with them.
package struct LetterDesk: Sendable {
    /// What became of a wish to keep another event beside a dead letter.
    package enum Edit: Equatable, Sendable {
        case kept
        /// The dead letter is not there any more.
        case gone
        /// Nothing was changed, for this reason.
        case refused(code: String, message: String)
    }

    /// Who may have dead letters.
    package let consumers: @Sendable () async throws -> [LetterConsumer]
    /// The next that fit, the newest first, behind a place.
    package let page:
        @Sendable (_ filter: DeadLetterFilter, _ behind: DeadLetterID?, _ limit: Int) async throws -> DeadLetterPage
    /// Everything that is kept of these, in their order; at most ``mostRecords`` at once.
    package let records: @Sendable (_ ids: [DeadLetterID]) async throws -> [DeadLetterRecord]
    /// What the log still has of their events.
    package let logged: @Sendable (_ records: [DeadLetterRecord]) async throws -> LoggedEvents
    /// The dead letters that became of each when it was taken up again.
    package let again: @Sendable (_ reports: [DeadLetterReport]) async throws -> [DeadLetterID: [DeadLetterID]]
    package let summary:
        @Sendable (_ consumers: [ConsumerID], _ from: Int64?, _ until: Int64?) async throws -> DeadLetterSummary
    /// Keeps another event beside the one that died, or, with nil, forgets it.
    package let edit: @Sendable (_ id: DeadLetterID, _ event: [UInt8]?, _ who: String) async throws -> Edit

    /// The hash of a user's key, by which dead letters know their users.
    package let userHash: @Sendable (_ key: String) -> UInt64

    /// So many with payloads fit in memory for each of those who export at a time.
    package static let mostRecords = 100

    package init(
        consumers: @escaping @Sendable () async throws -> [LetterConsumer],
        page:
            @escaping @Sendable (
                _ filter: DeadLetterFilter, _ behind: DeadLetterID?, _ limit: Int
            ) async throws -> DeadLetterPage,
        records: @escaping @Sendable (_ ids: [DeadLetterID]) async throws -> [DeadLetterRecord],
        logged: @escaping @Sendable (_ records: [DeadLetterRecord]) async throws -> LoggedEvents,
        again: @escaping @Sendable (_ reports: [DeadLetterReport]) async throws -> [DeadLetterID: [DeadLetterID]],
        summary:
            @escaping @Sendable (
                _ consumers: [ConsumerID], _ from: Int64?, _ until: Int64?
            ) async throws -> DeadLetterSummary,
        edit: @escaping @Sendable (_ id: DeadLetterID, _ event: [UInt8]?, _ who: String) async throws -> Edit,
        userHash: @escaping @Sendable (_ key: String) -> UInt64
    ) {
        self.consumers = consumers
        self.page = page
        self.records = records
        self.logged = logged
        self.again = again
        self.summary = summary
        self.edit = edit
        self.userHash = userHash
    }
}
