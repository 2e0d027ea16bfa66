import EventLog
import EventModel
import PostgreSQL
import TestSupport
import Testing

/// What a node that is stopped in the middle of a statement holds up: nothing.
@Suite(.timeLimit(.minutes(2))) struct StoppedTests {
    private static let both = [Events.partition, Events.other]

    /// A checkpoint of one lane in both partitions, as the node with this number sends it.
    private static func checkpoint(of node: NodeID, durable: Bool) -> String {
        let ids = "'{\(both.map { String($0.rawValue) }.joined(separator: ","))}'"
        let zeros = "'{" + Array(repeating: "0", count: 22).joined(separator: ",") + "}'"
        let lanes =
            "\(ids), '{3,3}', '{1,1}', '{0,0}', '{5,5}', ARRAY[now(), now()], ARRAY[''::bytea, ''::bytea], \(zeros)"
        let reasons = "ARRAY['{}', '{}']"
        let rest = Array(repeating: "'{}'", count: 50).joined(separator: ", ")
        return "CALL leat.checkpoint(\(node.rawValue), \(durable), \(ids), '{1,1}', \(lanes), \(reasons), \(rest))"
    }

    /// Lets a session stand still after `sql`, and takes the partitions over meanwhile.
    private func takeOver(_ pool: ConnectionPool, after sql: String) async throws -> [Lease] {
        let log = EventLog(pool)
        let taken = Leases()
        try await StoppedSession.holding(sql, on: pool.settings) {
            _ = try await log.join(identity: "a")
            await taken.set(try await log.acquire(Self.both))
        }
        return await taken.leases
    }

    private actor Leases {
        var leases: [Lease] = []
        func set(_ leases: [Lease]) { self.leases = leases }
    }

    @Test(arguments: [false, true]) func `A node that is stopped after a commit does not hold its leases`(
        isDurable: Bool
    ) async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            let node = try await old.join(identity: "a")
            try await Events.begin(3, in: pool)
            _ = try await old.acquire(Self.both)
            let taken = try await takeOver(pool, after: Self.checkpoint(of: node, durable: isDurable))
            #expect(taken.map(\.epoch) == [2, 2])
            // And the commit counts.
            let state = try await old.lanes(Events.partition, [ConsumerID(rawValue: 3)])
            #expect(state[ConsumerID(rawValue: 3)]?.record?.position.offset == 5)
        }
    }

    @Test(arguments: [
        "CALL leat.leave(1)", "CALL leat.end_removed()", "CALL leat.carry_checkpoints(clock_timestamp())",
        "CALL leat.begin_drain('x', 'x', 'test', true, 0)", "CALL leat.end_drain('a', 'a', 'test', 0)",
    ])
    func `A node that is stopped after any other statement that locks leases does not hold them`(sql: String)
        async throws
    {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            let node = try await old.join(identity: "a")
            try await old.openPartitions(Self.both)
            try await Events.begin(3, in: pool)
            _ = try await old.acquire(Self.both)
            // A connection that was removed, so that there are lanes to end.
            try await pool.execute(
                Statement(
                    "test.removed",
                    """
                    INSERT INTO leat.plugin (plugin_id, kind) VALUES ('x.y', 'transform');
                    INSERT INTO leat.source (source_id, name, enabled, partitions)
                        OVERRIDING SYSTEM VALUE VALUES (7, 'gone', true, 4);
                    INSERT INTO leat.destination (destination_id, name, connector, config, limits, enabled)
                        OVERRIDING SYSTEM VALUE VALUES (1, 'gone', 'x.y', '{}', '{}', true);
                    INSERT INTO leat.connection (connection_id, source_id, destination_id, enabled, removed_at)
                        OVERRIDING SYSTEM VALUE VALUES (3, 7, 1, true, now());
                    """
                )
            )
            let taken = try await takeOver(pool, after: sql.replacing("(1)", with: "(\(node.rawValue))"))
            #expect(taken.map(\.epoch) == [2, 2])
        }
    }
}
