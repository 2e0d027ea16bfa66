package import EventModel
package import PostgreSQL

/// What can go wrong with the log.
package enum EventLogError: ClassifiedError, Equatable {
    /// PostgreSQL, or the way to it.
    case database(PostgreSQLError)
    /// Stored bytes are not what was written; nothing of the chunk is used.
    case corruptChunk(partition: PartitionID, firstOffset: Int64, fault: ChunkFault)
    /// Another node has taken a lease of ours; nothing was committed.
    case leaseLost
    /// The consumer of a lane was removed; nothing was committed.
    case laneRemoved
    /// A slice of time that something belongs to does not exist, because nobody could look after the slices in time.
    case noSlice
    /// A chunk names a partition that nobody has made.
    case noPartition
    /// A chunk names a partition of an earlier generation; nothing was appended, and what the source's configuration
    /// names now takes it.
    case partitionClosed
    /// Another run on the same data directory, or a long silence, ended this node's life.
    case nodeReplaced
    /// The database was made by a newer program.
    case newerSchema(found: Int, known: Int)
    /// The database took a step of the schema in another form than this program knows.
    case alteredSchema(version: Int)
    /// A newer program made the database's functions such that this one cannot use them.
    case newerRoutines(found: Int, known: Int)
    /// Nodes live that could not go on with what this program needs; nothing was changed.
    case nodesInTheWay(of: String, [String])
    /// Some of the data tables are spread over a cluster and others are not.
    case halfSpread
    /// A step of the schema could not be taken.
    case migration(name: String, PostgreSQLError)

    package var code: String {
        switch self {
        case .database(let error): error.code
        case .corruptChunk: "corrupt_chunk"
        case .leaseLost: "lease_lost"
        case .laneRemoved: "lane_removed"
        case .noSlice: "no_slice"
        case .noPartition: "no_partition"
        case .partitionClosed: "partition_closed"
        case .nodeReplaced: "node_replaced"
        case .newerSchema: "newer_schema"
        case .alteredSchema: "altered_schema"
        case .newerRoutines: "newer_routines"
        case .nodesInTheWay: "nodes_in_the_way"
        case .halfSpread: "half_spread"
        case .migration: "migration_failed"
        }
    }

    package var disposition: Disposition {
        switch self {
        case .database(let error), .migration(_, let error): error.disposition
        case .noSlice: .retry(after: .milliseconds(500))
        case .partitionClosed: .retry(after: .zero)
        case .corruptChunk, .leaseLost, .laneRemoved, .noPartition, .nodeReplaced, .newerSchema, .alteredSchema,
            .newerRoutines, .nodesInTheWay, .halfSpread:
            .stop
        }
    }

    package var description: String {
        switch self {
        case .database(let error): error.description
        case .corruptChunk(let partition, let offset, let fault):
            "The chunk at offset \(offset) of partition \(partition) is damaged: \(fault.sentence)."
        case .leaseLost: "Another node has taken over a partition of this one."
        case .laneRemoved: "The connection of a lane was removed."
        case .noSlice: "A slice of the log's tables is missing; it is made as soon as the slices can be looked after."
        case .noPartition: "A partition of the log does not exist."
        case .partitionClosed: "A partition of the log is closed, because its source has others now."
        case .nodeReplaced: "Another run has taken the place of this node."
        case .newerSchema(let found, let known):
            "The database has schema version \(found), but this program knows versions up to \(known); use a newer one."
        case .alteredSchema(let version):
            """
            The database took step \(version) of its schema from another build, so its tables are not those that this \
            program knows; use that build, or restore a backup into a new database.
            """
        case .newerRoutines(let found, let known):
            """
            A newer program has made the database's functions (level \(found), this program knows \(known)); use that one.
            """
        case .nodesInTheWay(let what, let nodes):
            """
            This program is newer than its database and needs \(what), with which older programs cannot go on, and such run \
            on \(nodes.joined(separator: ", ")). Stop leat there, then start this program again; nothing was changed. A \
            server that was killed counts as running for 45 seconds.
            """
        case .halfSpread:
            """
            Some tables of this database are spread over a Citus cluster and others are not yet; run leat db distribute, \
            which goes on where it was interrupted, and start this program then.
            """
        case .migration(let name, let error): "Step \(name) of the schema failed. \(error.description)"
        }
    }

    /// Gives our own schema's errors their names.
    init(_ error: PostgreSQLError) {
        guard case .server(let server) = error else {
            self = .database(error)
            return
        }
        switch server.sqlState {
        case "LE001": self = .leaseLost
        case "LE002": self = .noPartition
        case "LE003": self = .nodeReplaced
        case "LE004": self = .laneRemoved
        case "LE005": self = .partitionClosed
        // A row that fits no slice breaks a rule without a name.
        case "23514" where server.constraint == nil: self = .noSlice
        // Citus does not pass the code on where it copies rows to a machine.
        case "XX000" where server.message?.hasPrefix("no partition of relation") == true: self = .noSlice
        default: self = .database(error)
        }
    }
}

/// What is wrong with a chunk.
package enum ChunkFault: String, Sendable {
    case head, version, codec, lengths, directory, bodies

    var sentence: String {
        switch self {
        case .head: "it does not begin like a chunk"
        case .version: "its format is unknown"
        case .codec: "its compression is unknown"
        case .lengths: "its lengths contradict each other"
        case .directory: "its directory has changed"
        case .bodies: "its bodies have changed"
        }
    }
}

/// Runs database work and gives its errors the log's names.
func translated<Result>(
    _ body: () async throws(PostgreSQLError) -> Result
) async throws(EventLogError) -> Result {
    do throws(PostgreSQLError) {
        return try await body()
    } catch {
        throw EventLogError(error)
    }
}
