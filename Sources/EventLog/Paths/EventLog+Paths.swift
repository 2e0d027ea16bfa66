package import EventModel
import PostgreSQL

/// What people ask of one event: each statement is of one partition.
extension EventLog {
    /// Chunks whose directory holds a message id; the directory is all that is read of the others.
    private static let find = Statement(
        "path_find",
        """
        SELECT first_offset, slice_time, event_count, payload FROM leat.chunk
        WHERE partition_id = $1 AND slice_time >= $2 AND event_count > 0
            AND position($3::bytea IN substring(payload FROM 33 FOR 48 * event_count)) > 0
        ORDER BY slice_time LIMIT $4
        """,
        timeout: peopleTimeout
    )
    private static let chain = Statement(
        "path_chain",
        """
        SELECT from_offset, offsets IS NOT NULL, stages FROM leat.chain
        WHERE partition_id = $1 AND consumer_id = $2 AND from_offset <= $3
            AND (offsets IS NULL OR offsets @> ARRAY[$3::bigint])
        ORDER BY written_at DESC, place DESC LIMIT 1
        """,
        timeout: peopleTimeout
    )
    private static let traces = Statement(
        "path_traces",
        """
        SELECT partition_id, consumer_id, event_offset, part, user_hash, message_high, message_low, slice_time, cause,
            outcome, record, written_at, node_id
        FROM leat.trace WHERE partition_id = $1 AND event_offset = $2
        ORDER BY written_at DESC, place DESC LIMIT $3
        """,
        timeout: peopleTimeout
    )
    /// Of events that have left the log.
    private static let traced = Statement(
        "path_traced",
        """
        SELECT DISTINCT event_offset FROM leat.trace
        WHERE partition_id = $1 AND message_low = $2 AND message_high = $3 ORDER BY event_offset LIMIT $4
        """,
        timeout: peopleTimeout
    )
    private static let letters = Statement(
        "path_letters",
        """
        SELECT consumer_id, part, died_at, stage, code, reason, plugin, attempts
        FROM leat.dead_letter WHERE partition_id = $1 AND consumer_id = ANY ($2) AND event_offset = $3
        ORDER BY died_at, part LIMIT $4
        """,
        timeout: peopleTimeout
    )
    private static let parked = Statement(
        "path_parked",
        """
        SELECT consumer_id, part, attempts, code, next_attempt_at
        FROM leat.parked WHERE partition_id = $1 AND consumer_id = ANY ($2) AND event_offset = $3
        ORDER BY consumer_id, part LIMIT $4
        """,
        timeout: peopleTimeout
    )
    private static let lanesOf = Statement("path_consumers", "SELECT u FROM leat.lanes_of($1) AS u")
    private static let nodeNames = Statement(
        "path_nodes",
        "SELECT node_id, name FROM leat.node WHERE node_id = ANY ($1)"
    )
    private static let latestChains = Statement(
        "lanes_chain",
        "SELECT partition_id, consumer_id, from_offset, stages FROM leat.latest_chains($1, $2)"
    )
    /// Rows of one kind that are told of one event.
    private static let mostRows: Int64 = 200
    /// Copies of an event that are told of one partition.
    private static let mostCopies: Int64 = 8

    /// The events with a message id in a partition that were accepted at `time` or later, the first ones of many.
    package func find(
        _ message: MessageHash,
        in partition: PartitionID,
        since time: Int64
    ) async throws(EventLogError) -> [FoundEvent] {
        var hash: [UInt8] = []
        hash.appendLittleEndian(message.high)
        hash.appendLittleEndian(message.low)
        let parameters: [Parameter] = [
            .int8(partition.rawValue), .timestamp(time), .bytes(hash), .int8(Self.mostCopies),
        ]
        let stored = try await translated { () async throws(PostgreSQLError) in
            var stored: [(offset: Int64, time: Int64, count: Int, payload: [UInt8])] = []
            for row in try await pool.query(Self.find, parameters) {
                stored.append((try row.int8(0), try row.timestamp(1), try row.int(2), try row.bytes(3)))
            }
            return stored
        }
        var found: [FoundEvent] = []
        for one in stored {
            let chunk = try? Chunk(
                partition: partition,
                firstOffset: one.offset,
                sliceTime: one.time,
                count: one.count,
                payload: one.payload
            )
            guard let chunk else { continue }
            for (place, entry) in chunk.entries.enumerated() where entry.messageHash == message {
                found.append(FoundEvent(chunk: chunk, place: place))
            }
        }
        return found
    }

    /// Offsets of which something is written down under a message id, also when they have left the log.
    package func traced(
        _ message: MessageHash,
        in partition: PartitionID
    ) async throws(EventLogError) -> [Int64] {
        let parameters: [Parameter] = [
            .int8(partition.rawValue), .int8(Int64(bitPattern: message.low)), .int8(Int64(bitPattern: message.high)),
            .int8(Self.mostCopies),
        ]
        return try await translated { () async throws(PostgreSQLError) in
            var offsets: [Int64] = []
            for row in try await pool.query(Self.traced, parameters) { offsets.append(try row.int8(0)) }
            return offsets
        }
    }

    /// What is written down of an event, in the order in which it happened; the latest of many.
    package func traces(
        of partition: PartitionID,
        _ offset: Int64
    ) async throws(EventLogError) -> [TraceRecord] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.traces,
                [.int8(partition.rawValue), .int8(offset), .int8(Self.mostRows)]
            )
            var records: [TraceRecord] = []
            for row in rows { records.append(try Self.traceRecord(row)) }
            return records.reversed()
        }
    }

    private static func traceRecord(_ row: Row) throws(PostgreSQLError) -> TraceRecord {
        let part = try row.int(3)
        var record = TraceRecord(
            lane: try lane(row),
            offset: try row.int8(2),
            part: part < 0 ? nil : part,
            userHash: UInt64(bitPattern: try row.int8(4)),
            message: MessageHash(
                high: UInt64(bitPattern: try row.int8(5)),
                low: UInt64(bitPattern: try row.int8(6))
            ),
            sliceTime: try row.timestamp(7),
            cause: try row.text(8),
            outcome: try row.text(9),
            record: try row.text(10)
        )
        record.writtenAt = try row.timestamp(11)
        record.node = NodeID(rawValue: try row.int8(12))
        return record
    }

    /// Which plugin versions handled an event; nil if that was never written down.
    package func chain(of lane: LaneID, at offset: Int64) async throws(EventLogError) -> ChainRecord? {
        try await translated { () async throws(PostgreSQLError) in
            let parameters: [Parameter] = [
                .int8(lane.partition.rawValue), .int8(lane.consumer.rawValue), .int8(offset),
            ]
            // Whatever was written last of those that speak of the event holds.
            guard let row = try await pool.query(Self.chain, parameters).first else { return nil }
            return ChainRecord(
                lane: lane,
                from: try row.int8(0),
                offsets: try row.bool(1) ? [offset] : nil,
                stages: try row.text(2)
            )
        }
    }

    /// What came into force last at each lane.
    package func chains(_ lanes: [LaneID]) async throws(EventLogError) -> [LaneID: ChainRecord] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.latestChains,
                [.int8Array(lanes.map(\.partition.rawValue)), .int8Array(lanes.map(\.consumer.rawValue))]
            )
            var records: [LaneID: ChainRecord] = [:]
            for row in rows {
                let lane = try Self.lane(row)
                records[lane] = ChainRecord(
                    lane: lane,
                    from: try row.int8(2),
                    offsets: nil,
                    stages: try row.text(3)
                )
            }
            return records
        }
    }

    /// Who has lanes on a partition.
    package func consumers(of partition: PartitionID) async throws(EventLogError) -> [ConsumerID] {
        try await translated { () async throws(PostgreSQLError) in
            var consumers: [ConsumerID] = []
            for row in try await pool.query(Self.lanesOf, [.int8(partition.rawValue)]) {
                consumers.append(ConsumerID(rawValue: try row.int8(0)))
            }
            return consumers
        }
    }

    /// How nodes are called that are still known.
    package func names(of nodes: Set<NodeID>) async throws(EventLogError) -> [NodeID: String] {
        guard !nodes.isEmpty else { return [:] }
        return try await translated { () async throws(PostgreSQLError) in
            var names: [NodeID: String] = [:]
            for row in try await pool.query(Self.nodeNames, [.int8Array(nodes.map(\.rawValue))]) {
                names[NodeID(rawValue: try row.int8(0))] = try row.text(1)
            }
            return names
        }
    }

    /// The dead letters of an event.
    package func letters(
        of partition: PartitionID,
        _ offset: Int64,
        _ consumers: [ConsumerID]
    ) async throws(EventLogError) -> [ConsumerID: [PathLetter]] {
        try await translated { () async throws(PostgreSQLError) in
            var letters: [ConsumerID: [PathLetter]] = [:]
            for row in try await pool.query(Self.letters, Self.place(partition, offset, consumers)) {
                let part = try row.int(1)
                let letter = PathLetter(
                    part: part < 0 ? nil : part,
                    diedAt: try row.timestamp(2),
                    stage: try row.text(3),
                    code: try row.text(4),
                    reason: try row.text(5),
                    plugin: try row.textOrNull(6),
                    attempts: try row.int(7)
                )
                letters[ConsumerID(rawValue: try row.int8(0)), default: []].append(letter)
            }
            return letters
        }
    }

    /// What waits of an event.
    package func parked(
        of partition: PartitionID,
        _ offset: Int64,
        _ consumers: [ConsumerID]
    ) async throws(EventLogError) -> [ConsumerID: [PathParked]] {
        try await translated { () async throws(PostgreSQLError) in
            var parked: [ConsumerID: [PathParked]] = [:]
            for row in try await pool.query(Self.parked, Self.place(partition, offset, consumers)) {
                let part = try row.int(1)
                let item = PathParked(
                    part: part < 0 ? nil : part,
                    attempts: try row.int(2),
                    code: try row.text(3),
                    nextAttemptAt: try row.timestampOrNull(4)
                )
                parked[ConsumerID(rawValue: try row.int8(0)), default: []].append(item)
            }
            return parked
        }
    }

    private static func place(
        _ partition: PartitionID,
        _ offset: Int64,
        _ consumers: [ConsumerID]
    ) -> [Parameter] {
        [.int8(partition.rawValue), .int8Array(consumers.map(\.rawValue)), .int8(offset), .int8(mostRows)]
    }
}
