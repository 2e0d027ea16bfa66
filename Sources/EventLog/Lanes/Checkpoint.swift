import EventModel
import PostgreSQL

/// What all lanes of a node commit together: progress, and what became of single events.
package struct Checkpoint: Sendable {
    /// One record per lane of which there is anything here.
    package var lanes: [LaneRecord] = []
    /// Records to write, or to write again.
    package var parked: [ParkedRecord] = []
    /// Records that wait no longer.
    package var unparked: [ParkedID] = []
    package var deadLetters: [DeadLetter] = []
    package var chains: [ChainRecord] = []
    package var traces: [TraceRecord] = []

    package init() {}

    /// Losing mere progress means delivering again; losing one of these would lose the event's trace.
    ///
    /// The sample is not among them: a database that crashes may forget some of it.
    var mustLast: Bool {
        !parked.isEmpty || !unparked.isEmpty || !deadLetters.isEmpty || !chains.isEmpty
            || traces.contains { $0.cause != "sampled" }
    }
}

extension EventLog {
    private static let statement = Statement(
        "checkpoint",
        "CALL leat.checkpoint(" + (1...63).map { "$\($0)" }.joined(separator: ", ") + ")",
        isCancellable: false
    )

    /// Commits a checkpoint if this node still holds the leases of all its partitions.
    ///
    /// If it throws something that may pass, it is not known whether the checkpoint was kept. Commit the same again,
    /// before anything newer of its lanes: the numbers of the records tell the database, and nothing is written twice.
    ///
    /// - Throws: `leaseLost`, `laneRemoved`: nothing was committed, and nothing of those lanes ever will be; `database`.
    package func commit(_ checkpoint: Checkpoint, under leases: [Lease]) async throws(EventLogError) {
        let touched = Set(checkpoint.lanes.map(\.lane.partition))
        let held = leases.filter { touched.contains($0.partition) }
        guard !touched.isEmpty else { return }
        guard let node, held.count == touched.count else { throw .leaseLost }
        var parameters: [Parameter] = [
            .int8(node.rawValue), .bool(checkpoint.mustLast),
            .int8Array(held.map(\.partition.rawValue)), .int8Array(held.map(\.epoch)),
        ]
        checkpoint.appendLanes(to: &parameters)
        checkpoint.appendParked(to: &parameters, clock)
        checkpoint.appendDeadLetters(to: &parameters)
        checkpoint.appendPaths(to: &parameters)
        let complete = parameters
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.statement, complete)
        }
    }
}

extension Checkpoint {
    fileprivate func appendLanes(to parameters: inout [Parameter]) {
        parameters += [
            .int8Array(lanes.map(\.lane.partition.rawValue)), .int8Array(lanes.map(\.lane.consumer.rawValue)),
            .int8Array(lanes.map(\.number)), .int8Array(lanes.map(\.start)),
            .int8Array(lanes.map(\.position.offset)), .timestampArray(lanes.map(\.position.sliceTime)),
            .bytesArray(lanes.map(\.beyond)),
            .int8Array(lanes.flatMap { [$0.expired] + $0.counts.columns }), .textArray(lanes.map(\.reasons.json)),
        ]
    }

    fileprivate func appendParked(to parameters: inout [Parameter], _ clock: DatabaseClock) {
        parameters += [
            .int8Array(parked.map(\.lane.partition.rawValue)), .int8Array(parked.map(\.lane.consumer.rawValue)),
            .int8Array(parked.map(\.offset)), .int4Array(parked.map { Int32($0.part ?? -1) }),
            .int8Array(parked.map { Int64(bitPattern: $0.userHash) }), .timestampArray(parked.map(\.sliceTime)),
            .timestampArray(parked.map(\.receivedAt)), .int4Array(parked.map { Int32($0.attempts) }),
            .timestampArray(parked.map { clock.database($0.since) }),
            .optionalTimestampArray(parked.map { $0.dueAt.map(clock.database) }),
            .optionalBytesArray(parked.map(\.payload)), .textArray(parked.map(\.code.storable)),
            .int4Array(parked.map { Int32(clamping: $0.ownThrottles) }), .optionalBytesArray(parked.map(\.before)),
            .optionalTextArray(parked.map(\.history?.storable)),
            .int8Array(unparked.map(\.lane.partition.rawValue)), .int8Array(unparked.map(\.lane.consumer.rawValue)),
            .int8Array(unparked.map(\.offset)), .int4Array(unparked.map { Int32($0.part ?? -1) }),
            .int4Array(letterPlaces),
        ]
    }

    /// For each removed record the place, from 1, of the dead letter that it is removed for; 0 for none.
    private var letterPlaces: [Int32] {
        guard !deadLetters.isEmpty else { return unparked.map { _ in 0 } }
        var places: [ParkedID: Int32] = [:]
        for (place, letter) in deadLetters.enumerated() {
            places[ParkedID(lane: letter.lane, offset: letter.offset, part: letter.part)] = Int32(place + 1)
        }
        return unparked.map { places[$0] ?? 0 }
    }

    fileprivate func appendDeadLetters(to parameters: inout [Parameter]) {
        let letters = deadLetters
        parameters += [
            .int8Array(letters.map(\.lane.partition.rawValue)), .int8Array(letters.map(\.lane.consumer.rawValue)),
            .int8Array(letters.map(\.offset)), .int4Array(letters.map { Int32($0.part ?? -1) }),
            .int8Array(letters.map { Int64(bitPattern: $0.userHash) }), .timestampArray(letters.map(\.sliceTime)),
            .textArray(letters.map(\.stage.storable)), .textArray(letters.map(\.code.storable)),
            .textArray(letters.map(\.reason.storable)), .optionalTextArray(letters.map(\.plugin?.storable)),
            .int4Array(letters.map { Int32($0.attempts) }), .optionalBytesArray(letters.map(\.before)),
            .optionalBytesArray(letters.map(\.after)), .optionalTextArray(letters.map(\.history?.storable)),
        ]
    }
}

extension Checkpoint {
    fileprivate func appendPaths(to parameters: inout [Parameter]) {
        parameters += [
            .int8Array(chains.map(\.lane.partition.rawValue)), .int8Array(chains.map(\.lane.consumer.rawValue)),
            .int8Array(chains.map(\.from)),
            // As text, since the lists have lengths of their own.
            .optionalTextArray(
                chains.map { chain in
                    chain.offsets.map { "{\($0.map { String($0) }.joined(separator: ","))}" }
                }
            ),
            .textArray(chains.map(\.stages.storable)),
            .int8Array(traces.map(\.lane.partition.rawValue)), .int8Array(traces.map(\.lane.consumer.rawValue)),
            .int8Array(traces.map(\.offset)), .int4Array(traces.map { Int32($0.part ?? -1) }),
            .int8Array(traces.map { Int64(bitPattern: $0.userHash) }),
            .int8Array(traces.map { Int64(bitPattern: $0.message.low) }),
            .int8Array(traces.map { Int64(bitPattern: $0.message.high) }), .timestampArray(traces.map(\.sliceTime)),
            .textArray(traces.map(\.cause)), .textArray(traces.map(\.outcome)),
            .textArray(traces.map(\.record.storable)),
        ]
    }
}

extension Counts {
    /// In the order of the table's columns.
    var columns: [Int64] {
        [
            read, duplicates, filtered, dropped, failed, transformed, emitted, delivered, deadLettered, waiting,
        ]
    }
}

extension String {
    /// Without the zero bytes that a plugin or a destination may send and PostgreSQL cannot store.
    var storable: String { utf8.contains(0) ? String(filter { $0 != "\0" }) : self }
}
