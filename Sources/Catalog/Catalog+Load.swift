import Conditions
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
    SELECT destination_id, name, connector, version, config, limits, enabled, paused_at, paused_by, pause_reason,
        drain_until, transport
    FROM leat.destination WHERE removed_at IS NULL ORDER BY destination_id
    """
)
private let readConnections = Statement(
    "catalog.connections",
    """
    SELECT connection_id, source_id, destination_id, enabled, lag, selection, trace_sample
    FROM leat.connection WHERE removed_at IS NULL ORDER BY connection_id
    """
)
private let readTransformations = Statement(
    "catalog.transformations",
    """
    SELECT connection_id, plugin_id, version, config, condition
    FROM leat.connection_transformation JOIN leat.connection USING (connection_id)
    WHERE removed_at IS NULL ORDER BY connection_id, position
    """
)
private let readSourceTransformations = Statement(
    "catalog.source_transformations",
    """
    SELECT source_id, plugin_id, version, config, condition
    FROM leat.source_transformation JOIN leat.source USING (source_id)
    WHERE removed_at IS NULL ORDER BY source_id, position
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
private let readSecrets = Statement(
    "catalog.secrets",
    """
    SELECT name, destinations, plugins, scheme, header, sealed, key_id, created_at, rotated_at, changed_by
    FROM leat.secret ORDER BY name
    """
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
        let chains = try await transformations(readSourceTransformations, on: connection)
        let sources = try await connection.query(readSources).map { row in
            try Source(row: row, closed: closed, transformations: chains[try row.int8(0)]?.steps ?? [])
        }
        let keys = try await connection.query(readWriteKeys).compactMap(WriteKey.init(row:))
        let destinations = try await connection.query(readDestinations).map(Destination.init(row:))
        let steps = try await transformations(readTransformations, on: connection)
        let connections = try await connection.query(readConnections).map { row in
            let chain = steps[try row.int8(0)] ?? Chain()
            let ofSource = chains[try row.int8(1)] ?? Chain()
            let selection = Selection(stored: try row.text(5))
            return Connection(
                id: ConsumerID(rawValue: try row.int8(0)),
                source: SourceID(rawValue: try row.int8(1)),
                destination: DestinationID(rawValue: try row.int8(2)),
                transformations: chain.steps,
                selection: selection ?? .everything,
                lag: LagPolicy(rawValue: try row.text(4)) ?? .hold,
                // What this program does not understand stands still, rather than delivers what nobody wants.
                enabled: try row.bool(3) && selection != nil && chain.isUnderstood && ofSource.isUnderstood,
                sample: try row.float8(6)
            )
        }
        return CatalogSnapshot(
            revision: revision,
            sources: sources,
            writeKeys: keys,
            destinations: destinations,
            connections: connections,
            replays: try await openReplays(on: connection),
            plugins: try await connection.query(readPlugins).compactMap(PluginVersion.init(row:)),
            tokens: try await connection.query(readTokens).compactMap(Token.init(row:)),
            secrets: try await connection.query(readSecrets).map(StoredSecret.init(row:)),
            tracings: try await tracings(on: connection)
        )
    }
}

extension Catalog {
    /// The transformations of a source or a connection, in order.
    fileprivate struct Chain {
        var steps: [Transformation] = []
        /// Whether every condition could be read.
        var isUnderstood = true
    }

    /// Those of all sources or connections, by their ids.
    private static func transformations(
        _ statement: Statement,
        on connection: PostgreSQL.Connection
    ) async throws -> [Int64: Chain] {
        var chains: [Int64: Chain] = [:]
        for row in try await connection.query(statement) {
            let text = try row.textOrNull(4)
            let condition = text.flatMap { try? Condition(parsing: $0) }
            let id = try row.int8(0)
            chains[id, default: Chain()].steps.append(
                Transformation(
                    plugin: PluginReference(id: try row.text(1), version: try row.textOrNull(2)),
                    config: try row.text(3),
                    when: condition
                )
            )
            if text != nil, condition == nil { chains[id]?.isUnderstood = false }
        }
        return chains
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
    fileprivate init(row: Row, closed: [SourceID: [Generation]], transformations: [Transformation]) throws {
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
            ),
            transformations: transformations
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
            transport: DestinationTransport(
                reading: try? Document.json(try row.bytes(11)[...]),
                at: "transport",
                &problems
            ),
            enabled: try row.bool(6),
            state: try DestinationState(row: row)
        )
    }
}

extension DestinationState {
    fileprivate init(row: Row) throws {
        guard let at = try row.timestampOrNull(7) else {
            self = .running
            return
        }
        let halt = Halt(at: at, by: try row.text(8), reason: try row.text(9))
        self = try row.timestampOrNull(10).map { .draining(halt, until: $0) } ?? .paused(halt)
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

extension StoredSecret {
    fileprivate init(row: Row) throws {
        self.init(
            name: try row.text(0),
            scope: SecretScope(destinations: try row.textArray(1), plugins: try row.textArray(2)),
            placement: SecretPlacement(
                scheme: SecretPlacement.Scheme(rawValue: try row.text(3)) ?? .raw,
                header: try row.text(4)
            ),
            sealed: try row.bytes(5),
            keyID: try row.text(6),
            createdAt: try row.timestamp(7),
            rotatedAt: try row.timestamp(8),
            changedBy: try row.text(9)
        )
    }
}
