package import EventModel
import Logging
import PostgreSQL
import Synchronization

extension EventLog {
    /// Enters this node under the identity of its data directory.
    ///
    /// An earlier run with the same identity ends here, so that a restart has its leases back at once.
    package func join(
        identity: String,
        name: String = "",
        address: String = "",
        version: String = ""
    ) async throws(EventLogError) -> NodeID {
        let entry = Membership.Entry(identity: identity, name: name, address: address, version: version)
        guard let node = try await enter(entry, after: nil) else { throw .nodeReplaced }
        return node
    }

    private static let enterNode = Statement(
        "join",
        "SELECT * FROM leat.join($1::text, $2::text, $3::text, $4::text, $5::bigint)",
        isCancellable: false
    )

    private func enter(_ entry: Membership.Entry, after earlier: NodeID?) async throws(EventLogError) -> NodeID? {
        let sent = ContinuousClock.now
        let node = try await translated { () async throws(PostgreSQLError) -> NodeID? in
            let rows = try await pool.query(
                Self.enterNode,
                [
                    .text(entry.identity), .text(entry.name), .text(entry.address), .text(entry.version),
                    earlier.map { .int8($0.rawValue) } ?? .null,
                ]
            )
            return try rows.first.map { row throws(PostgreSQLError) in NodeID(rawValue: try row.int8(0)) }
        }
        guard let node else { return nil }
        try await migrations.announce(node, pool)
        membership.withLock { membership in
            var tenancy = Tenancy(
                node: node,
                identity: entry.identity,
                leaseTime: settings.leaseTime,
                cancelTime: settings.cancelTime,
                sent: sent
            )
            tenancy.want(membership.tenancy?.partitions)
            membership.tenancy = tenancy
            membership.entry = entry
            membership.isEntering = false
            membership.follower?.yield()
        }
        return node
    }

    /// Says where this node listens, once that is known.
    package func announce(address: String) async throws(EventLogError) {
        guard let node else { return }
        membership.withLock { $0.entry?.address = address }
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Statement("announce", "UPDATE leat.node SET address = $2::text WHERE node_id = $1"),
                [.int8(node.rawValue), .text(address)]
            )
        }
    }

    /// Gives a sign of life, learns who else does, gives back what is another's and takes what is ours and free.
    ///
    /// - Throws: `nodeReplaced` if another run has this node's place: its lanes must stop.
    package func tick() async throws(EventLogError) {
        try await tick { statement throws(PostgreSQLError) in try await self.pool.execute(statement) }
    }

    /// The same over a session of the caller's.
    ///
    /// - Returns: whether there is more to ask already.
    @discardableResult
    func tick(
        over run: (Statement) async throws(PostgreSQLError) -> Rows
    ) async throws(EventLogError) -> Bool {
        await ticking.take()
        do throws(EventLogError) {
            let isUrgent = try await tickOnce(run)
            await ticking.give()
            return isUrgent
        } catch {
            await ticking.give()
            throw error
        }
    }

    private func tickOnce(
        _ run: (Statement) async throws(PostgreSQLError) -> Rows
    ) async throws(EventLogError) -> Bool {
        let asked = ContinuousClock.now
        let (node, entry, step) = membership.withLock { ($0.tenancy?.node, $0.entry, $0.tenancy?.next(at: asked)) }
        guard let node, let entry, let step else { throw .nodeReplaced }
        let wishes: Tenancy.Wishes
        switch step {
        case .wait: return false
        case .enter:
            // A try whose answer was lost may itself have taken the earlier number's place.
            let isInDoubt = membership.withLock { membership in
                defer { membership.isEntering = true }
                return membership.isEntering
            }
            guard try await enter(entry, after: isInDoubt ? nil : node) != nil else { throw replaced() }
            return true
        case .tick(let next): wishes = next
        }
        let rows = try await translated { () async throws(PostgreSQLError) in
            try await run(Self.statement(node, wishes))
        }
        let answer = try await translated { () async throws(PostgreSQLError) in try TickAnswer(rows) }
        switch answer.standing {
        case .replaced: throw replaced()
        case .silent:
            end()
            return true
        case .alive: return take(answer, to: wishes, asked: asked)
        }
    }

    /// A simple message, which the server ends by itself; see `leat.tick`.
    private static func statement(_ node: NodeID, _ wishes: Tenancy.Wishes) -> Statement {
        let silent = wishes.silent.sorted { $0.key.rawValue < $1.key.rawValue }
        let lists = [
            silent.map(\.key.rawValue), silent.map(\.value), wishes.given.map(\.partition.rawValue),
            wishes.given.map(\.epoch), wishes.claims.map(\.rawValue).sorted(),
        ]
        let texts = lists.map { "'{" + $0.map { String($0) }.joined(separator: ",") + "}'" }
        return Statement(
            "tick",
            "SELECT * FROM leat.tick(\(node.rawValue), \(wishes.serves), \(texts.joined(separator: ", ")))",
            isCancellable: false,
            timeout: .seconds(4)
        )
    }

    private func take(_ answer: TickAnswer, to wishes: Tenancy.Wishes, asked: ContinuousClock.Instant) -> Bool {
        let now = ContinuousClock.now
        let (before, after, isToWarn) = membership.withLock { membership -> (Tenancy?, Tenancy?, Bool) in
            let before = membership.tenancy
            membership.tenancy?.take(answer.tenancy, asked: asked, at: now)
            if let revision = answer.revision { membership.configurer?.yield(revision) }
            let after = membership.tenancy
            if before?.held != after?.held || before?.allotted != after?.allotted { membership.follower?.yield() }
            return (before, after, membership.isToWarn(at: now))
        }
        guard let before, let after else { return false }
        tell(of: before, after)
        if isToWarn {
            logger.warning(
                "Every server is drained, so no lane runs anywhere and events wait. Undo it on one: leat node drain NAME --undo."
            )
        }
        return after.hasNews(since: wishes)
    }

    /// Others held this node for silent: every lease is gone at once.
    private func end() {
        let lost = membership.withLock { membership in
            let lost = membership.tenancy?.end() ?? 0
            membership.follower?.yield()
            membership.alarm?.yield()
            return lost
        }
        counts.withLock { $0.lost += lost }
        logger.warning(
            "The other nodes held this one for silent and may have taken its partitions; it enters again.",
            metadata: ["leases": "\(lost)"]
        )
    }

    private func replaced() -> EventLogError {
        membership.withLock { $0.tenancy?.replaced() }
        return .nodeReplaced
    }

    private static let leaveNodes = Statement("leave", "CALL leat.leave($1)", isCancellable: false)

    /// Leaves the nodes in order; all leases are free at once.
    package func leave() async throws(EventLogError) {
        guard let node else { return }
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.leaveNodes, [.int8(node.rawValue)])
        }
        membership.withLock { membership in
            membership.tenancy = nil
            membership.entry = nil
        }
    }
}
