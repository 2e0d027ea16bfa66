package import EventModel
import PostgreSQL

/// How far one consumer has come with a source.
package struct ConsumerCounts: Equatable, Sendable {
    /// `accepted = read + unread + expired`, counted from where the consumer began.
    package var accepted: Int64 = 0
    package var unread: Int64 = 0
    package var expired: Int64 = 0
    package var counts = Counts()
    /// Of what was filtered and dropped.
    package var reasons = ReasonCounts()
}

/// What sources accepted and what became of it, all as of one committed state.
package struct LogCounts: Equatable, Sendable {
    /// How many events each source ever accepted.
    package var accepted: [SourceID: Int64] = [:]
    /// How many were refused.
    package var refused: [SourceID: Int64] = [:]
    package var consumers: [ConsumerID: ConsumerCounts] = [:]
}

extension EventLog {
    /// Counts sources and their consumers over the generations that there are at that moment, and those put away by then.
    package func counts(
        of sources: [SourceID],
        _ consumers: [ConsumerID: SourceID]
    ) async throws(EventLogError) -> LogCounts {
        try await counting { counter in
            let partitions = try await counter.partitions(of: sources)
            let ends = try await counter.ends(of: partitions.values.flatMap { $0 })
            let lanes = consumers.mapValues { partitions[$0] ?? [] }
            var counts = LogCounts()
            counts.consumers = try await counter.counts(of: lanes, ends)
            counts.accepted = try await counter.acceptedInRetired(sources)
            for (partition, end) in ends { counts.accepted[partition.source, default: 0] += end }
            counts.refused = try await counter.refused(sources)
            return counts
        }
    }

    /// The exact counts of a consumer over these partitions, and over the generations of them that were put away.
    package func counts(
        of consumer: ConsumerID,
        _ partitions: [PartitionID]
    ) async throws(EventLogError) -> ConsumerCounts {
        try await counting { counter in
            let ends = try await counter.ends(of: partitions)
            return try await counter.counts(of: [consumer: partitions], ends)[consumer] ?? ConsumerCounts()
        }
    }

    /// Asks in one transaction, so that everything is of one committed state.
    private func counting<Result: Sendable>(
        _ body: (LogCounter) async throws -> Result
    ) async throws(EventLogError) -> Result {
        do {
            return try await pool.transaction { connection in
                let counter = LogCounter(connection: connection)
                try await counter.begin()
                return try await body(counter)
            }
        } catch let error as PostgreSQLError {
            throw EventLogError(error)
        } catch {
            throw .database(.cancelled(query: "count"))
        }
    }
}
