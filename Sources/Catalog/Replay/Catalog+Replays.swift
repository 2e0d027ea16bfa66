package import EventModel
import PostgreSQL

private let columns = """
    replay_id, connection_id, source_id, kind, from_at, until_at, filter, rate, state, reason, who, created_at, ended_at,
    partition_ids, start_offsets, end_offsets, coalesce(counts, '{}'), letters
    """
private let readOpen = Statement(
    "catalog.replays",
    "SELECT \(columns) FROM leat.replay WHERE ended_at IS NULL ORDER BY replay_id"
)
private let listAll = Statement(
    "catalog.list_replays",
    """
    SELECT \(columns) FROM leat.replay WHERE $1::bigint IS NULL OR connection_id = $1 ORDER BY replay_id DESC LIMIT $2
    """
)
private let readOne = Statement("catalog.replay", "SELECT \(columns) FROM leat.replay WHERE replay_id = $1")
private let insertReplay = Statement("catalog.add_replay", "SELECT leat.add_replay($1, $2, $3, $4, $5, $6, $7)")
private let countLetters = Statement(
    "catalog.count_letters",
    "SELECT partition_id, letters, events FROM leat.count_letters($1, $2::jsonb)",
    timeout: .seconds(20)
)
private let insertRequeue = Statement(
    "catalog.add_requeue",
    "SELECT leat.add_requeue($1, $2::jsonb, $3, $4)",
    timeout: .seconds(60)
)
private let switchReplay = Statement(
    "catalog.switch_replay",
    "UPDATE leat.replay SET state = $2, changed_at = clock_timestamp() WHERE replay_id = $1"
)
private let rateReplay = Statement("catalog.rate_replay", "UPDATE leat.replay SET rate = $2 WHERE replay_id = $1")
private let endReplayLanes = Statement("catalog.end_replay", "CALL leat.end_replay($1, $2, $3)", isCancellable: false)

/// Replays are no part of the declaration: they come and go, and a person's word moves them.
extension Catalog {
    static func openReplays(on connection: PostgreSQL.Connection) async throws -> [Replay] {
        try await connection.query(readOpen).map(Replay.init(row:))
    }

    /// The newest replays, of one connection or of all.
    package func replays(of connection: ConsumerID?, limit: Int) async throws(CatalogError) -> [Replay] {
        try await CatalogError.translating {
            try await pool.query(listAll, [connection.map { .int8($0.rawValue) } ?? .null, .int8(Int64(limit))])
                .map(Replay.init(row:))
        }
    }

    /// - Throws: `missing`.
    package func replay(_ id: ConsumerID) async throws(CatalogError) -> Replay {
        try await CatalogError.translating {
            guard let row = try await pool.query(readOne, [.int8(id.rawValue)]).first else {
                throw CatalogError.missing(noun: "replay", name: id.description)
            }
            return try Replay(row: row)
        }
    }

    /// Begins a replay: its lanes are there when this returns, and run as soon as the nodes hear of it.
    ///
    /// - Throws: `missing` if the connection is gone, `refused` if too many are under way.
    package func add(_ wish: ReplayWish, by who: String) async throws(CatalogError) -> Replay {
        let id = try await changing { connection, snapshot in
            let target = try Self.target(wish.connection, in: snapshot)
            let row = try await connection.query(
                insertReplay,
                [
                    .int8(wish.connection.rawValue), .text(wish.kind.rawValue), .timestamp(wish.from),
                    .timestamp(wish.until), .text(wish.filter.document.canonicalJSON), .int8(Int64(wish.rate)),
                    .text(who),
                ]
            ).first
            let id = ConsumerID(rawValue: try row?.int8(0) ?? 0)
            let line = "+ replay \(id) to \(snapshot.name(of: target)) (\(wish.rate) events/s)"
            _ = try await Self.end([line], by: who, on: connection)
            return id
        }
        return try await replay(id)
    }

    /// Lets a replay stand still, go on or end.
    ///
    /// - Throws: `missing`; `refused` if it has ended.
    package func set(_ state: Replay.State, of id: ConsumerID, by who: String) async throws(CatalogError) -> Replay {
        try await changing { connection, snapshot in
            let replay = try await Self.open(id, on: connection)
            guard replay.state != state else { return }
            _ = try await connection.query(switchReplay, [.int8(id.rawValue), .text(state.rawValue)])
            _ = try await Self.end(["~ replay \(id): \(state.rawValue)"], by: who, on: connection)
        }
        return try await replay(id)
    }

    /// Lets a replay send faster or slower from now on.
    ///
    /// - Throws: `missing`; `refused` if it has ended.
    package func set(rate: Int, of id: ConsumerID, by who: String) async throws(CatalogError) -> Replay {
        try await changing { connection, snapshot in
            let replay = try await Self.open(id, on: connection)
            guard replay.rate != rate else { return }
            _ = try await connection.query(rateReplay, [.int8(id.rawValue), .int8(Int64(rate))])
            let line = "~ replay \(id): rate \(replay.rate) → \(rate) events/s"
            _ = try await Self.end([line], by: who, on: connection)
        }
        return try await replay(id)
    }

    /// Ends a replay's lanes and keeps what they counted: as `done` if everything is at its end, as `failed` for a
    /// reason, or, with nil, one that was stopped.
    ///
    /// Nothing happens where that is not so, or somebody was quicker.
    package func endReplay(
        _ id: ConsumerID,
        as state: Replay.State?,
        because reason: String = ""
    ) async throws(CatalogError) {
        try await CatalogError.translating {
            let word = state.map { Parameter.text($0.rawValue) } ?? .null
            _ = try await pool.query(endReplayLanes, [.int8(id.rawValue), word, .text(reason)])
        }
        try await reload()
    }

    /// How many dead letters a requeue would take up now.
    package func count(_ selection: LetterSelection) async throws(CatalogError) -> LetterCount {
        try await CatalogError.translating {
            var count = LetterCount()
            for row in try await pool.query(countLetters, selection.parameters) {
                count.letters += try row.int8(1)
                count.events += try row.int8(2)
            }
            return count
        }
    }

    /// Takes dead letters up again, for each selection that has any a replay of them.
    ///
    /// Each letter is marked with its replay, so that none is taken twice. All replays begin, or none.
    ///
    /// - Throws: As ``add(_:by:)``.
    package func requeue(
        _ selections: [LetterSelection],
        rate: Int,
        by who: String
    ) async throws(CatalogError) -> [Replay] {
        let ids = try await changing { connection, snapshot in
            var ids: [ConsumerID] = []
            for selection in selections {
                let target = try Self.target(selection.connection, in: snapshot, besides: ids.count)
                let parameters = selection.parameters + [.int8(Int64(rate)), .text(who)]
                guard let number = try await connection.query(insertRequeue, parameters).first?.int8OrNull(0) else {
                    continue
                }
                let line = "+ replay \(number) to \(snapshot.name(of: target)) (dead letters, \(rate) events/s)"
                _ = try await Self.end([line], by: who, on: connection)
                ids.append(ConsumerID(rawValue: number))
            }
            return ids
        }
        var replays: [Replay] = []
        for id in ids { replays.append(try await replay(id)) }
        return replays
    }

    /// The connection that a replay is to send to, if one more may begin besides some that just did.
    private static func target(
        _ id: ConsumerID,
        in snapshot: CatalogSnapshot,
        besides begun: Int = 0
    ) throws(CatalogError) -> Connection {
        guard let target = snapshot.connection(id) else {
            throw .missing(noun: "connection", name: id.description)
        }
        guard snapshot.replays.count + begun < Replay.maximumOpen else {
            let message = "at most \(Replay.maximumOpen) replays can be under way; wait for one of them or stop it"
            throw .refused([Problem(Place(), message)])
        }
        return target
    }

    private static func open(_ id: ConsumerID, on connection: PostgreSQL.Connection) async throws -> Replay {
        guard let row = try await connection.query(readOne, [.int8(id.rawValue)]).first else {
            throw CatalogError.missing(noun: "replay", name: id.description)
        }
        let replay = try Replay(row: row)
        guard replay.state.isOpen else {
            throw CatalogError.refused([Problem(Place(), "replay \(id) is \(replay.state.rawValue) and stays so")])
        }
        return replay
    }

    /// Changes something in one transaction that holds the configuration still.
    private func changing<Result: Sendable>(
        _ body: @Sendable (PostgreSQL.Connection, CatalogSnapshot) async throws -> Result
    ) async throws(CatalogError) -> Result {
        let result = try await CatalogError.translating {
            try await pool.transaction { connection in
                try await Self.lock(connection)
                return try await body(connection, try await Self.load(on: connection))
            }
        }
        try await reload()
        return result
    }
}

extension Replay {
    fileprivate init(row: Row) throws {
        var problems: [Problem] = []
        let partitions = try row.int8Array(13)
        let (starts, ends) = (try row.int8Array(14), try row.int8Array(15))
        let sums = try row.int8Array(16)
        self.init(
            id: ConsumerID(rawValue: try row.int8(0)),
            connection: ConsumerID(rawValue: try row.int8(1)),
            source: SourceID(rawValue: try row.int8(2)),
            kind: Kind(rawValue: try row.text(3)) ?? .log,
            from: try row.timestamp(4),
            until: try row.timestamp(5),
            filter: ReplayFilter(reading: (try? Document.json(try row.text(6))) ?? nil, at: "filter", &problems),
            rate: Int(try row.int8(7)),
            state: State(rawValue: try row.text(8)) ?? .failed,
            reason: try row.text(9),
            who: try row.text(10),
            createdAt: try row.timestamp(11),
            endedAt: try row.timestampOrNull(12),
            ranges: partitions.indices.map {
                Range(partition: PartitionID(rawValue: partitions[$0]), start: starts[$0], end: ends[$0])
            },
            letters: try row.int8OrNull(17),
            counts: Counts(sums),
            expired: sums.first ?? 0
        )
    }
}

extension Counts {
    /// From the sums of a replay's lanes; nil while it has none.
    fileprivate init?(_ sums: [Int64]) {
        guard sums.count == 11 else { return nil }
        self.init()
        read = sums[1]
        duplicates = sums[2]
        filtered = sums[3]
        dropped = sums[4]
        failed = sums[5]
        transformed = sums[6]
        emitted = sums[7]
        delivered = sums[8]
        deadLettered = sums[9]
        waiting = sums[10]
    }
}

extension LetterSelection {
    /// In the order in which both statements want them.
    fileprivate var parameters: [Parameter] { [.int8(connection.rawValue), .text(wish.json)] }

    /// What it asks for, as `leat.letters_of` reads it.
    private var wish: Document {
        var members: [(String, Document)] = [("again", .truth(again))]
        for case (let key, let word?) in [("stage", stage), ("code", code), ("plugin", plugin)] {
            members.append((key, .text(word)))
        }
        let numbers = [
            ("user", userHash.map { Int64(bitPattern: $0) }), ("replay", replay?.rawValue), ("since", since),
            ("before", before),
        ]
        for case (let key, let number?) in numbers { members.append((key, .integer(number))) }
        if let letters { members.append(("letters", .list(letters.map { .text($0.key) }))) }
        return .object(members)
    }
}

extension DeadLetterID {
    /// As `leat.letters_of` names one.
    fileprivate var key: String { "\(partition.rawValue)-\(consumer)-\(at)-\(offset)-\(part ?? -1)" }
}
