import EventModel
import Logging
import PostgreSQL
import Synchronization

extension EventLog {
    private static let carryChunks = Statement(
        "carry_chunks",
        "SELECT leat.carry_chunks(to_timestamp($1))",
        isCancellable: false
    )
    private static let carryCheckpoints = Statement(
        "carry_checkpoints",
        "CALL leat.carry_checkpoints(to_timestamp($1))",
        isCancellable: false
    )
    private static let countLetters = Statement(
        "count_expired_letters",
        "SELECT leat.count_expired_letters(to_timestamp($1))",
        isCancellable: false,
        timeout: .seconds(600)
    )
    private static let endRemoved = Statement("end_removed", "CALL leat.end_removed()", isCancellable: false)
    private static let lag = Statement(
        "lag",
        "SELECT partition_id, consumer_id, unread, oldest FROM leat.lag($1, $2)"
    )
    /// How long checkpoints are kept beyond the one that counts.
    private static let checkpointRetention = Duration.seconds(2 * 3600)

    /// How the log stood when it was last looked after.
    package var standing: RetentionStanding { standings.withLock { $0.last } }

    /// Makes the next slices and drops those that have had their time, or for which there is no room, and puts
    /// generations away that are no more in use.
    ///
    /// `consumers` are those who read the log; nil if nothing of the log is to be dropped.
    package func upkeep(for consumers: [Consumer]?) async throws(EventLogError) {
        let survey = try await makeAhead()
        if survey.hasRemoved {
            _ = try await translated { () async throws(PostgreSQLError) in try await pool.query(Self.endRemoved) }
        }
        var stuck = try await lookAfterChunks(consumers, survey)
        let now = survey.now / 1_000_000
        let checkpointsEnd = now - Self.checkpointRetention.components.seconds
        stuck += try await lookAfter(survey["checkpoint"], Self.carryCheckpoints, before: checkpointsEnd)
        let deadLettersEnd = now - settings.deadLetterRetention.components.seconds
        stuck += try await lookAfter(survey["dead_letter"], Self.countLetters, before: deadLettersEnd)
        let tracesEnd = now - settings.traceRetention.components.seconds
        stuck += try await lookAfter(survey["trace"], nil, before: tracesEnd)
        tellStuck(stuck)
        try await tidy(now, oldest: survey["chunk"].attached.first?.slice.lower)
        if survey.hasClosed { try await retireGenerations() }
    }

    /// Makes the slices that the next hours need, and says how everything stands then.
    @discardableResult
    func makeAhead() async throws(EventLogError) -> Survey {
        var survey: Survey?
        try await clock.compare { () async throws(EventLogError) in
            let seen = try await slices.look()
            survey = seen
            return seen.now
        }
        if let survey, try await !slices.make(after: survey) { return survey }
        return try await slices.look()
    }

    // MARK: The log itself

    /// Measures, judges and drops; returns how many slices could not go.
    private func lookAfterChunks(
        _ consumers: [Consumer]?,
        _ all: Survey
    ) async throws(EventLogError) -> Int {
        let (survey, now) = (all["chunk"], all.now)
        var stuck = try await clear(survey)
        let over = now - settings.measureAfter.microseconds
        for entry in survey.attached where !entry.isMeasured && entry.slice.upper * 1_000_000 <= over {
            try await slices.measure(entry.slice)
        }
        guard let consumers else { return stuck }
        let lags = try await lags(of: consumers)
        let held = survey.attached.map { Retention.Held(slice: $0.slice, bytes: $0.bytes) }
        let retention = Retention(held, lags, settings, at: now)
        note(retention, lags, held, at: now)
        if stuck > 0 { return stuck + retention.drops.count }
        for (place, slice) in retention.drops.enumerated() {
            try await slices.measure(slice)
            try await carry(Self.carryChunks, slice)
            guard try await slices.drop(slice) else {
                stuck += retention.drops.count - place
                break
            }
        }
        return stuck
    }

    /// How far each consumer is behind; one whose lanes have all been removed is left out.
    func lags(of consumers: [Consumer]) async throws(EventLogError) -> [ConsumerLag] {
        let lanes = consumers.flatMap(\.lanes)
        guard !lanes.isEmpty else { return consumers.map { ConsumerLag(consumer: $0) } }
        let rows = try await translated { () async throws(PostgreSQLError) in
            var found: [ConsumerID: [(unread: Int64, oldest: Int64?)]] = [:]
            let ids: [Parameter] = [
                .int8Array(lanes.map(\.partition.rawValue)), .int8Array(lanes.map(\.consumer.rawValue)),
            ]
            for row in try await pool.query(Self.lag, ids) {
                let consumer = ConsumerID(rawValue: try row.int8(1))
                found[consumer, default: []].append((try row.int8(2), try row.timestampOrNull(3)))
            }
            return found
        }
        return consumers.map { consumer in
            let lanes = rows[consumer.id] ?? []
            return ConsumerLag(
                consumer: consumer,
                unread: lanes.reduce(0) { $0 + $1.unread },
                oldest: lanes.compactMap(\.oldest).min()
            )
        }
    }

    /// Keeps what is known for those who ask, and tells of those who fall behind and of a log that is too large.
    private func note(_ retention: Retention, _ lags: [ConsumerLag], _ slices: [Retention.Held], at now: Int64) {
        let lags = lags.filter { !$0.consumer.isReplay }
        let shares = lags.map { ($0.consumer, RetentionStanding.share($0, slices, settings, at: now)) }
        var standing = RetentionStanding()
        standing.bytes = retention.bytes
        standing.bound = settings.logBytes
        standing.slices = slices.count - retention.drops.count
        standing.heldSlices = retention.held
        standing.pushedBack = retention.pushedBack
        standing.lags = zip(lags, shares).map { lag, share in
            RetentionStanding.Lag(
                name: lag.consumer.name,
                unread: lag.unread,
                age: lag.age(at: now),
                share: share.1
            )
        }
        let (news, before) = standings.withLock { standings in
            let before = standings.last
            standing.stuckSlices = before.stuckSlices
            standings.last = standing
            return (standings.watch.passes(shares), before)
        }
        for (consumer, mark) in news {
            logger.warning(
                "A connection lags, and has used up most of what the log keeps for it.",
                metadata: [
                    "connection": "\(consumer.name)", "lag.policy": "\(consumer.lag.rawValue)",
                    "lag.share": "\(Int(mark * 100))%",
                ]
            )
        }
        if standing.pushedBack != before.pushedBack { tellPushBack(standing) }
    }

    private func tellPushBack(_ standing: RetentionStanding) {
        let details: Logger.Metadata = ["log.bytes": "\(standing.bytes)", "log.bound": "\(standing.bound)"]
        if standing.pushedBack.isEmpty {
            logger.notice("The log has room again; all sources are accepted", metadata: details)
        } else {
            logger.error("The log is full of what a connection has not read; its source is refused", metadata: details)
        }
    }

    // MARK: What else comes in slices

    /// Drops the slices of a table that end by a time, in seconds since 1970; returns how many could not go.
    private func lookAfter(
        _ survey: SliceSurvey,
        _ carrying: Statement?,
        before end: Int64
    ) async throws(EventLogError) -> Int {
        let stuck = try await clear(survey)
        let old = survey.attached.map(\.slice).filter { $0.upper <= end }
        if stuck > 0 { return stuck + old.count }
        for (place, slice) in old.enumerated() {
            if let carrying { try await carry(carrying, slice) }
            guard try await slices.drop(slice) else { return old.count - place }
        }
        return 0
    }

    /// Ends what was begun, by whomever; returns how many slices that must wait.
    private func clear(_ survey: SliceSurvey) async throws(EventLogError) -> Int {
        var stuck = 0
        for slice in survey.leaving where try await !slices.finish(slice) { stuck += 1 }
        for slice in survey.leftOver where try await !slices.dropLoose(slice) { stuck += 1 }
        return stuck
    }

    private func tellStuck(_ stuck: Int) {
        let before = standings.withLock { standings in
            defer { standings.last.stuckSlices = stuck }
            return standings.last.stuckSlices
        }
        guard stuck > 0, before == 0 else { return }
        logger.warning(
            "Old slices of the log cannot be dropped while somebody uses them; it is tried again each minute",
            metadata: ["log.slices": "\(stuck)"]
        )
    }

    /// Writes what must outlive the slice into the present.
    private func carry(_ statement: Statement, _ slice: Slice) async throws(EventLogError) {
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(statement, [.float8(Double(slice.upper))])
        }
    }
}

/// What upkeep remembers from one round to the next.
struct Standings: Sendable {
    var last = RetentionStanding()
    var watch = LagWatch()
}
