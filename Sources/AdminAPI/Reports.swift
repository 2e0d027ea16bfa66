package import EventModel

/// What the admin interface can show of the events' way, each asked from whoever keeps it.
package struct Reports: Sendable {
    /// Timings of one plugin, or of all, since so long ago.
    package let timings: @Sendable (_ plugin: String?, _ since: Duration) async throws -> [PluginTimings]
    package let counts: @Sendable () async throws -> StageCounts
    package let refused: @Sendable (_ source: SourceID?, _ limit: Int) async throws -> [RefusedReport]
    package let log: LogQuestions

    package init(
        timings: @escaping @Sendable (_ plugin: String?, _ since: Duration) async throws -> [PluginTimings],
        counts: @escaping @Sendable () async throws -> StageCounts,
        refused: @escaping @Sendable (_ source: SourceID?, _ limit: Int) async throws -> [RefusedReport],
        log: LogQuestions
    ) {
        self.timings = timings
        self.counts = counts
        self.refused = refused
        self.log = log
    }
}

/// What the admin interface asks the log itself.
package struct LogQuestions: Sendable {
    package let lanes: @Sendable (_ filter: LaneFilter, _ limit: Int) async throws -> [LaneReport]
    package let partitions: @Sendable (_ source: SourceID) async throws -> [PartitionReport]
    /// Events from an offset and a time on; the time is in microseconds since 1970.
    package let events:
        @Sendable (_ partition: PartitionID, _ from: Int64?, _ since: Int64?, _ limit: Int) async throws ->
            [LoggedEvent]
    package let audit: @Sendable (_ source: SourceID?, _ isDeep: Bool, _ within: Duration) async throws -> AuditReport

    package init(
        lanes: @escaping @Sendable (_ filter: LaneFilter, _ limit: Int) async throws -> [LaneReport],
        partitions: @escaping @Sendable (_ source: SourceID) async throws -> [PartitionReport],
        events:
            @escaping @Sendable (
                _ partition: PartitionID, _ from: Int64?, _ since: Int64?, _ limit: Int
            ) async throws -> [LoggedEvent],
        audit: @escaping @Sendable (_ source: SourceID?, _ isDeep: Bool, _ within: Duration) async throws -> AuditReport
    ) {
        self.lanes = lanes
        self.partitions = partitions
        self.events = events
        self.audit = audit
    }
}

/// How one plugin version did: the three things that are measured of every plugin, and why it failed.
package struct PluginTimings: Equatable, Sendable {
    package let plugin: String
    package let version: String
    /// - Unit: seconds.
    package let creation: Quantiles
    /// - Unit: seconds for one batch.
    package let execution: Quantiles
    /// - Unit: bytes of one batch.
    package let input: Quantiles
    /// How many creations and executions failed, by cause.
    package let failures: [String: Int64]

    package init(
        plugin: String,
        version: String,
        creation: Quantiles,
        execution: Quantiles,
        input: Quantiles,
        failures: [String: Int64]
    ) {
        self.plugin = plugin
        self.version = version
        self.creation = creation
        self.execution = execution
        self.input = input
        self.failures = failures
    }
}

/// What is told of a distribution; the quantiles are nil while nothing was measured.
package struct Quantiles: Equatable, Sendable {
    package let count: Int64
    package let p50: Double?
    package let p90: Double?
    package let p99: Double?
    package let max: Double?

    package init(count: Int64, p50: Double?, p90: Double?, p99: Double?, max: Double?) {
        self.count = count
        self.p50 = p50
        self.p90 = p90
        self.p99 = p99
        self.max = max
    }
}

/// The exact counts of every stage, as of one committed state.
package struct StageCounts: Equatable, Sendable {
    /// What came in.
    package struct OfSource: Equatable, Sendable {
        package let source: SourceID
        package let accepted: Int64
        package let refused: Int64

        package init(source: SourceID, accepted: Int64, refused: Int64) {
            self.source = source
            self.accepted = accepted
            self.refused = refused
        }
    }

    /// What became of it on the way to one destination.
    package struct OfConnection: Equatable, Sendable {
        package let connection: ConsumerID
        package let counts: Counts
        /// Accepted and not read yet.
        package let unread: Int64
        /// Left the log before they were read.
        package let expired: Int64
        /// Of what was filtered and dropped.
        package let reasons: ReasonCounts

        package init(
            connection: ConsumerID,
            counts: Counts,
            unread: Int64,
            expired: Int64,
            reasons: ReasonCounts = ReasonCounts()
        ) {
            self.reasons = reasons
            self.connection = connection
            self.counts = counts
            self.unread = unread
            self.expired = expired
        }
    }

    package let sources: [OfSource]
    package let connections: [OfConnection]

    package init(sources: [OfSource], connections: [OfConnection]) {
        self.sources = sources
        self.connections = connections
    }
}

/// One of the events that were sent and not accepted; only a sample is kept.
package struct RefusedReport: Equatable, Sendable {
    package let source: SourceID
    /// - Unit: microseconds since 1970, UTC.
    package let at: Int64
    package let code: String
    package let message: String
    package let event: String

    package init(source: SourceID, at: Int64, code: String, message: String, event: String) {
        self.source = source
        self.at = at
        self.code = code
        self.message = message
        self.event = event
    }
}
