/// What a replay would do, before anybody begins it.
package struct ReplayPlan: Sendable {
    /// One of the events that it would send, what today's transformations make of it, and what was sent before.
    package struct Sample: Sendable {
        package let partition: PartitionID
        package let offset: Int64
        /// As it was accepted.
        package let event: String
        /// `emitted`, `filtered`, `dropped` or `failed`.
        package var outcome: String
        /// Why it was filtered, dropped or failed; empty otherwise.
        package var reason: String
        /// What goes to the connector.
        package var parts: [String]
        package var earlier: ReplayEarlier

        package init(
            partition: PartitionID,
            offset: Int64,
            event: String,
            outcome: String = "emitted",
            reason: String = "",
            parts: [String] = [],
            earlier: ReplayEarlier = ReplayEarlier(basis: .unknown)
        ) {
            self.partition = partition
            self.offset = offset
            self.event = event
            self.outcome = outcome
            self.reason = reason
            self.parts = parts
            self.earlier = earlier
        }
    }

    /// Events in its range.
    package var events: Int64
    /// Those whose entries were looked at before the time was up.
    package var looked: Int64
    /// Those that its filter takes and the connection wants: counted where all were looked at, worked out from the part that was otherwise.
    package var wanted: Int64
    package var ranges: [(partition: PartitionID, start: Int64, end: Int64)]
    /// The plugin versions in force; the last is the connector.
    package var plugins: [PathPlugin] = []
    package var samples: [Sample]
    /// Why there are no samples; empty where there are.
    package var remark: String

    package var isExact: Bool { looked == events }

    package init(
        events: Int64,
        looked: Int64,
        wanted: Int64,
        ranges: [(partition: PartitionID, start: Int64, end: Int64)],
        samples: [Sample] = [],
        remark: String = ""
    ) {
        self.events = events
        self.looked = looked
        self.wanted = wanted
        self.ranges = ranges
        self.samples = samples
        self.remark = remark
    }
}

/// What the connection was sent of an event before a replay of it, and how that differs from what it would be sent now.
package struct ReplayEarlier: Equatable, Sendable {
    /// How it is known.
    package enum Basis: String, Sendable, CaseIterable {
        /// Written down when it happened.
        case recorded
        /// Worked out now, with the versions that were recorded then.
        case recomputed
        /// Nothing was sent of it.
        case notSent = "not_sent"
        case unknown
    }

    package var basis: Basis
    /// What became of it, as the event's path says it.
    package var outcome: String
    /// Why nothing was sent, or why it is not known, or not all of it; empty otherwise.
    package var reason: String
    /// The versions that handled it; the last is the connector.
    package var plugins: [PathPlugin] = []
    /// What went to the connector, part by part.
    package var parts: [PathPayload] = []
    /// For each part what differs now; the whole part where there was none, or is none now.
    package var differences: [[PathDifference]] = []
    /// Whether all parts are at hand whole, so that nothing else differs.
    package var isWhole = true

    package init(basis: Basis, outcome: String = "unknown", reason: String = "") {
        self.basis = basis
        self.outcome = outcome
        self.reason = reason
    }
}
