package import EventModel
import PostgreSQL

/// Where the log has put the events of one draft.
package struct AppendedChunk: Equatable, Sendable {
    package let partition: PartitionID
    package let firstOffset: Int64
    package let count: Int
    /// - Unit: microseconds since 1970.
    package let sliceTime: Int64
}

extension EventLog {
    /// A warning would mean that a replica was not waited for, though somebody asked to.
    ///
    /// Waiting senders count on the outcome, so the end of one task must not leave it unknown.
    private static let append = Statement(
        "append",
        "CALL leat.append($1, $2, $3, $4, $5, NULL, NULL)",
        isCancellable: false,
        refusesWarnings: true
    )

    /// Appends the drafts, each as one chunk, in one statement that commits by itself; when it returns they are kept.
    ///
    /// Drafts of one partition get their offsets in the order given. An append that throws may still have been kept if
    /// its connection was lost; senders repeat, and repeated message ids are found.
    ///
    /// - Throws: `database` (most can be tried again); `partitionClosed` and `noPartition`: nothing was appended.
    package func append(_ drafts: [ChunkDraft]) async throws(EventLogError) -> [AppendedChunk] {
        guard !drafts.isEmpty else { return [] }
        let parameters = encode(drafts)
        var versions: [PartitionID: UInt64] = [:]
        for draft in drafts { versions[draft.partition] = signals.version(of: draft.partition) }
        let rows: Rows
        do throws(PostgreSQLError) {
            rows = try await pool.query(Self.append, parameters)
        } catch {
            // No slice for the present: upkeep was away for long.
            guard case .server(let server) = error, server.sqlState == "23514", server.constraint == nil else {
                throw EventLogError(error)
            }
            try await slices.makeAhead()
            rows = try await translated { () async throws(PostgreSQLError) in
                try await pool.query(Self.append, parameters)
            }
        }
        return try publish(drafts, rows, since: versions)
    }

    /// One array per column; payloads are encoded straight into the array's binary form.
    private func encode(_ drafts: [ChunkDraft]) -> [Parameter] {
        var payloads: [UInt8] = []
        payloads.reserveCapacity(
            drafts.reduce(32) { $0 + 4 + ChunkHead.size + $1.count * DirectoryEntry.size + $1.byteCount }
        )
        payloads.appendArrayHead(of: TypeOID.bytea, count: drafts.count)
        var codecs: [Int16] = []
        for draft in drafts {
            let place = payloads.count
            payloads.appendBigEndian(Int32(0))
            codecs.append(Int16(draft.encode(settings.codec, into: &payloads).rawValue))
            let length = UInt32(payloads.count - place - 4)
            for index in 0..<4 { payloads[place + index] = UInt8(truncatingIfNeeded: length >> (24 - index * 8)) }
        }
        return [
            .int8Array(drafts.map(\.partition.rawValue)),
            .int4Array(drafts.map { Int32($0.count) }),
            .int4Array(drafts.map { Int32($0.byteCount) }),
            .int2Array(codecs),
            .encoded(payloads, type: TypeOID.byteaArray),
        ]
    }

    /// Lets the readers of this node have the chunks without asking the database; `versions` are those of the
    /// partitions' signals before the append.
    private func publish(
        _ drafts: [ChunkDraft],
        _ rows: Rows,
        since versions: [PartitionID: UInt64]
    ) throws(EventLogError) -> [AppendedChunk] {
        do throws(PostgreSQLError) {
            var appended: [AppendedChunk] = []
            appended.reserveCapacity(drafts.count)
            let (offsets, times) = (try rows[0].int8Array(0), try rows[0].timestampArray(1))
            for (draft, (offset, time)) in zip(drafts, zip(offsets, times)) {
                let place = AppendedChunk(
                    partition: draft.partition,
                    firstOffset: offset,
                    count: draft.count,
                    sliceTime: time
                )
                appended.append(place)
                cache.insert(Chunk(draft, firstOffset: place.firstOffset, sliceTime: place.sliceTime))
            }
            var ends: [PartitionID: Int64] = [:]
            for place in appended { ends[place.partition] = place.firstOffset + Int64(place.count) }
            for (partition, version) in versions { signals.moved(partition, to: ends[partition] ?? 0, since: version) }
            return appended
        } catch {
            throw EventLogError(error)
        }
    }
}
