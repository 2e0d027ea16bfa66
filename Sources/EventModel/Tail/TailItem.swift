/// Where on their way events can be watched.
package enum TailStage: String, CaseIterable, Sendable {
    /// They were committed to the log.
    case accepted
    /// They go to the connector, as transformations left them.
    case transformed
    /// They came to an end, or have to wait.
    case delivered
}

/// What became of an event, or of a part of one, at a destination.
package struct TailFate: Equatable, Sendable {
    /// How it ended, or that it has not.
    package enum Outcome: String, CaseIterable, Sendable {
        case delivered
        /// It waits for another try, or behind an earlier event of its user.
        case parked
        case deadLettered = "dead-lettered"
        case dropped
        /// The connection does not want it.
        case filtered
    }

    package let outcome: Outcome
    /// A short word where there is a reason.
    package let code: String?
    /// Why it ended so, in the words of the rule or the plugin that it ended by.
    package let reason: String?
    /// The number of the last try.
    package let attempts: Int
    /// The last answer's status, if there was one.
    package let status: Int?
    /// How long the last try took.
    package let duration: Duration?

    package init(
        _ outcome: Outcome,
        code: String? = nil,
        reason: String? = nil,
        attempts: Int = 0,
        status: Int? = nil,
        duration: Duration? = nil
    ) {
        self.outcome = outcome
        self.code = code
        self.reason = reason
        self.attempts = attempts
        self.status = status
        self.duration = duration
    }
}

/// One event, or a part of one, as somebody who watches sees it.
package struct TailItem: Sendable {
    package let stage: TailStage
    package let partition: PartitionID
    /// Nil at the stage of acceptance, where it is nobody's yet.
    package let connection: ConsumerID?
    /// The replay that it passes in; nil for what passes for the first time.
    package let replay: ConsumerID?
    package let offset: Int64
    /// Nil for a whole event.
    package let part: Int?
    /// When it was seen.
    /// - Unit: microseconds since 1970, UTC.
    package let at: Int64
    /// Who stood at each stage, as `id@version`; the last is the connector.
    package let plugins: [String]
    package let fate: TailFate?
    /// The event's JSON, as it was there; empty where the directory of its chunk was enough to reject it.
    package let json: ArraySlice<UInt8>

    package init(
        stage: TailStage,
        partition: PartitionID,
        connection: ConsumerID?,
        replay: ConsumerID?,
        offset: Int64,
        part: Int?,
        at: Int64,
        plugins: [String],
        fate: TailFate?,
        json: ArraySlice<UInt8>
    ) {
        self.stage = stage
        self.partition = partition
        self.connection = connection
        self.replay = replay
        self.offset = offset
        self.part = part
        self.at = at
        self.plugins = plugins
        self.fate = fate
        self.json = json
    }
}

/// What somebody who watches is given at a time.
package struct TailPage: Sendable {
    /// Those that fit, in their order; none where nothing came for a while.
    package var items: [TailItem] = []
    /// How many were left out since the page before, because they came faster than they were taken.
    package var dropped = 0
    /// Whether the server ends the watching with this page.
    package var isLast = false

    package init() {}
}

/// Which events somebody wants to watch; what is nil does not matter.
package struct TailWish: Sendable {
    package var stage: TailStage
    package var source: SourceID?
    package var destination: DestinationID?
    package var connection: ConsumerID?
    /// The key that events of one user share.
    package var user: String?
    /// How they ended; not at the stage of acceptance.
    package var outcome: TailFate.Outcome?
    /// What must hold for the event, as a condition's text.
    package var condition: String?

    package init(stage: TailStage) { self.stage = stage }
}
