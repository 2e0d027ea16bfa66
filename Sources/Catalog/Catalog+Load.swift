import EventModel
import PostgreSQL

private let readRevision = Statement("catalog.revision", "SELECT revision FROM leat.catalog_revision")
private let readSources = Statement(
    "catalog.sources",
    """
    SELECT source_id, name, enabled, partitions, generation, events_per_second, bytes_per_second, bytes_per_day
    FROM leat.source WHERE removed_at IS NULL ORDER BY source_id
    """
)
private let readClosed = Statement(
    "catalog.closed_generations",
    """
    SELECT source_id, generation, partitions FROM leat.generation
    WHERE closed_at IS NOT NULL AND retired_at IS NULL ORDER BY source_id, generation
    """
)
private let readWriteKeys = Statement(
    "catalog.write_keys",
    "SELECT key_hash, source_id, hint, created_at FROM leat.write_key ORDER BY created_at, key_hash"
)
private let readDestinations = Statement(
    "catalog.destinations",
    """
    SELECT destination_id, name, connector, version, config, limits, enabled
    FROM leat.destination WHERE removed_at IS NULL ORDER BY destination_id
    """
)
private let readConnections = Statement(
    "catalog.connections",
    """
    SELECT connection_id, source_id, destination_id, enabled, lag
    FROM leat.connection WHERE removed_at IS NULL ORDER BY connection_id
    """
)
private let readTransformations = Statement(
    "catalog.transformations",
    """
    SELECT connection_id, plugin_id, version, config
    FROM leat.connection_transformation JOIN leat.connection USING (connection_id)
    WHERE removed_at IS NULL ORDER BY connection_id, position
    """
)
private let readPlugins = Statement(
    "catalog.plugins",
    """
    SELECT plugin_id, version, kind, encode(sha256, 'hex'), size, manifest, uploaded_at,
           version IS NOT DISTINCT FROM active_version
    FROM leat.plugin_version JOIN leat.plugin USING (plugin_id) ORDER BY plugin_id, uploaded_at, version
    """
)
private let readTokens = Statement(
    "catalog.tokens",
    "SELECT token_hash, name, created_at FROM leat.token ORDER BY created_at, name"
)
private let oneMoment = Statement("catalog.read", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

extension Catalog {
    static func revision(in pool: ConnectionPool) async throws(CatalogError) -> Int64 {
        try await CatalogError.translating {
            guard let row = try await pool.query(readRevision).first else { return 0 }
            return try row.int8(0)
        }
    }

    /// Reads everything as it was at one moment.
    static func load(from pool: ConnectionPool) async throws(CatalogError) -> CatalogSnapshot {
        try await CatalogError.translating {
            try await pool.transaction { connection in
                try await connection.execute(oneMoment)
                return try await load(on: connection)
            }
        }
    }

    /// Reads everything inside a transaction that holds it still.
    static func load(on connection: PostgreSQL.Connection) async throws -> CatalogSnapshot {
        let revision = try await connection.query(readRevision).first?.int8(0) ?? 0
        var closed: [SourceID: [Generation]] = [:]
        for row in try await connection.query(readClosed) {
            let generation = try Generation(row: row)
            closed[generation.source, default: []].append(generation)
        }
        let sources = try await connection.query(readSources).map { try Source(row: $0, closed: closed) }
        let keys = try await connection.query(readWriteKeys).compactMap(WriteKey.init(row:))
        let destinations = try await connection.query(readDestinations).map(Destination.init(row:))
        var steps: [Int64: [Transformation]] = [:]
        for row in try await connection.query(readTransformations) {
            steps[try row.int8(0), default: []].append(
                Transformation(
                    plugin: PluginReference(id: try row.text(1), version: try row.textOrNull(2)),
                    config: try row.text(3)
                )
            )
        }
        let connections = try await connection.query(readConnections).map { row in
            let id = try row.int8(0)
            return Connection(
                id: ConsumerID(rawValue: id),
                source: SourceID(rawValue: try row.int8(1)),
                destination: DestinationID(rawValue: try row.int8(2)),
                transformations: steps[id] ?? [],
                lag: LagPolicy(rawValue: try row.text(4)) ?? .hold,
                enabled: try row.bool(3)
            )
        }
        return CatalogSnapshot(
            revision: revision,
            sources: sources,
            writeKeys: keys,
            destinations: destinations,
            connections: connections,
            plugins: try await connection.query(readPlugins).compactMap(PluginVersion.init(row:)),
            tokens: try await connection.query(readTokens).compactMap(Token.init(row:))
        )
    }
}

extension CatalogError {
    /// Runs database work and says its failures in this target's words.
    static func translating<Result>(
        _ body: () async throws -> Result
    ) async throws(CatalogError) -> Result {
        do {
            return try await body()
        } catch let error as CatalogError {
            throw error
        } catch let error as PostgreSQLError {
            throw .database(error)
        } catch {
            throw .database(.cancelled(query: "catalog"))
        }
    }
}

extension Source {
    fileprivate init(row: Row, closed: [SourceID: [Generation]]) throws {
        let id = SourceID(rawValue: try row.int8(0))
        self.init(
            id: id,
            name: try row.text(1),
            enabled: try row.bool(2),
            partitions: UInt8(truncatingIfNeeded: try row.int2(3)),
            generation: UInt16(truncatingIfNeeded: try row.int4(4)),
            closed: closed[id] ?? [],
            limits: SourceLimits(
                eventsPerSecond: row.isNull(5) ? nil : try row.int8(5),
                bytesPerSecond: row.isNull(6) ? nil : try row.int8(6),
                bytesPerDay: row.isNull(7) ? nil : try row.int8(7)
            )
        )
    }
}

extension Generation {
    fileprivate init(row: Row) throws {
        self.init(
            source: SourceID(rawValue: try row.int8(0)),
            number: UInt16(truncatingIfNeeded: try row.int4(1)),
            partitions: UInt8(truncatingIfNeeded: try row.int2(2))
        )
    }
}

extension WriteKey {
    fileprivate init?(row: Row) throws {
        guard let hash = SecretHash(bytes: try row.bytes(0)) else { return nil }
        self.init(
            hash: hash,
            source: SourceID(rawValue: try row.int8(1)),
            hint: try row.text(2),
            createdAt: try row.timestamp(3)
        )
    }
}

extension Destination {
    fileprivate init(row: Row) throws {
        var problems: [Problem] = []
        self.init(
            id: DestinationID(rawValue: try row.int8(0)),
            name: try row.text(1),
            connector: PluginReference(id: try row.text(2), version: try row.textOrNull(3)),
            config: try row.text(4),
            limits: DestinationLimits(reading: try? Document.json(try row.bytes(5)[...]), at: "limits", &problems),
            enabled: try row.bool(6)
        )
    }
}

extension PluginVersion {
    fileprivate init?(row: Row) throws {
        guard let kind = PluginKind(rawValue: try row.text(2)),
            let digest = PluginDigest(rawValue: try row.text(3))
        else { return nil }
        self.init(
            id: try row.text(0),
            version: try row.text(1),
            kind: kind,
            digest: digest,
            size: try row.int8(4),
            manifest: try row.text(5),
            uploadedAt: try row.timestamp(6),
            active: try row.bool(7)
        )
    }
}

extension Token {
    fileprivate init?(row: Row) throws {
        guard let hash = SecretHash(bytes: try row.bytes(0)) else { return nil }
        self.init(hash: hash, name: try row.text(1), createdAt: try row.timestamp(2))
    }
}
