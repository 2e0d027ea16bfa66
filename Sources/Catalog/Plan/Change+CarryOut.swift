import EventModel
import PostgreSQL

private let setActiveVersion = Statement(
    "catalog.activate_plugin",
    "UPDATE leat.plugin SET active_version = $2 WHERE plugin_id = $1"
)
private let insertSource = Statement("catalog.add_source", "SELECT leat.add_source($1, $2, $3)")
private let switchSource = Statement(
    "catalog.enable_source",
    "UPDATE leat.source SET enabled = $2 WHERE source_id = $1"
)
private let setLimits = Statement(
    "catalog.limit_source",
    """
    UPDATE leat.source SET events_per_second = $2, bytes_per_second = $3, bytes_per_day = $4
    WHERE name = $1 AND removed_at IS NULL
    """
)
private let deleteSourceKeys = Statement("catalog.drop_source_keys", "DELETE FROM leat.write_key WHERE source_id = $1")
private let retireSource = Statement(
    "catalog.remove_source",
    "UPDATE leat.source SET removed_at = now() WHERE source_id = $1"
)
private let insertWriteKey = Statement(
    "catalog.add_write_key",
    """
    INSERT INTO leat.write_key (key_hash, source_id, hint)
    SELECT $2, source_id, $3 FROM leat.source WHERE name = $1 AND removed_at IS NULL
    """
)
private let deleteWriteKey = Statement("catalog.remove_write_key", "DELETE FROM leat.write_key WHERE key_hash = $1")
private let insertDestination = Statement(
    "catalog.add_destination",
    """
    INSERT INTO leat.destination (name, connector, version, config, limits, enabled) VALUES ($1, $2, $3, $4, $5, $6)
    """
)
private let rewriteDestination = Statement(
    "catalog.update_destination",
    """
    UPDATE leat.destination SET connector = $2, version = $3, config = $4, limits = $5, enabled = $6
    WHERE destination_id = $1
    """
)
private let retireDestination = Statement(
    "catalog.remove_destination",
    "UPDATE leat.destination SET removed_at = now() WHERE destination_id = $1"
)
private let insertConnection = Statement(
    "catalog.add_connection",
    "SELECT connection_id FROM leat.add_connection($1, $2, $3)"
)
private let switchConnection = Statement(
    "catalog.update_connection",
    "UPDATE leat.connection SET enabled = $2, lag = $3 WHERE connection_id = $1"
)
private let retireConnection = Statement(
    "catalog.remove_connection",
    "UPDATE leat.connection SET removed_at = now() WHERE connection_id = $1"
)
private let deleteTransformations = Statement(
    "catalog.drop_transformations",
    "DELETE FROM leat.connection_transformation WHERE connection_id = $1"
)
private let insertTransformation = Statement(
    "catalog.add_transformation",
    """
    INSERT INTO leat.connection_transformation (connection_id, position, plugin_id, version, config)
    VALUES ($1, $2, $3, $4, $5)
    """
)

extension Change {
    /// Writes the change down inside the caller's transaction.
    ///
    /// - Returns: the write key that was generated, if the change was to generate one.
    func carryOut(on connection: PostgreSQL.Connection) async throws -> GeneratedKey? {
        switch self {
        case .uploadPlugin(let id, let version):
            throw CatalogError.missing(noun: "plugin", name: "\(id)@\(version)")
        case .activatePlugin(let id, let version, _):
            _ = try await connection.query(setActiveVersion, [.text(id), .text(version)])
        case .addSource(let name, let enabled, let partitions):
            let parameters: [Parameter] = [.text(name), .bool(enabled), .int4(Int32(partitions))]
            _ = try await connection.query(insertSource, parameters)
        case .enableSource(let id, _, let enabled):
            _ = try await connection.query(switchSource, [.int8(id.rawValue), .bool(enabled)])
        // It closes what everybody appends to, so it comes with the commit.
        case .repartitionSource: break
        case .limitSource(let name, let limits, _):
            let values = limits.members.map { $0.value.map(Parameter.int8) ?? .null }
            _ = try await connection.query(setLimits, [.text(name)] + values)
        case .removeSource(let id, _):
            _ = try await connection.query(deleteSourceKeys, [.int8(id.rawValue)])
            _ = try await connection.query(retireSource, [.int8(id.rawValue)])
        case .addWriteKey(let source, let hash, let hint):
            _ = try await connection.query(insertWriteKey, [.text(source), .bytes(hash.bytes), .text(hint)])
        case .generateWriteKey(let source):
            let key = Secret.writeKey()
            let parameters: [Parameter] = [
                .text(source), .bytes(SecretHash(of: key).bytes), .text(Secret.hint(of: key)),
            ]
            _ = try await connection.query(insertWriteKey, parameters)
            return GeneratedKey(source: source, key: key)
        case .removeWriteKey(_, let hash, _):
            _ = try await connection.query(deleteWriteKey, [.bytes(hash.bytes)])
        case .addDestination(let destination):
            _ = try await connection.query(insertDestination, [.text(destination.name)] + destination.parameters)
        case .updateDestination(let id, let destination, _):
            _ = try await connection.query(rewriteDestination, [.int8(id.rawValue)] + destination.parameters)
        case .removeDestination(let id, _):
            _ = try await connection.query(retireDestination, [.int8(id.rawValue)])
        case .addConnection(let wanted):
            let ends: [Parameter] = [.text(wanted.source), .text(wanted.destination), .bool(wanted.enabled)]
            guard let row = try await connection.query(insertConnection, ends).first else {
                throw CatalogError.missing(noun: "connection", name: wanted.name)
            }
            let id = try row.int8(0)
            if wanted.lag != .hold { try await Self.set(wanted, of: id, on: connection) }
            try await Self.write(wanted.transformations, of: id, on: connection)
        case .updateConnection(let id, let wanted, _):
            try await Self.set(wanted, of: id.rawValue, on: connection)
            _ = try await connection.query(deleteTransformations, [.int8(id.rawValue)])
            try await Self.write(wanted.transformations, of: id.rawValue, on: connection)
        case .removeConnection(let id, _):
            _ = try await connection.query(retireConnection, [.int8(id.rawValue)])
        }
        return nil
    }

    private static func set(
        _ wanted: DeclaredConnection,
        of id: Int64,
        on connection: PostgreSQL.Connection
    ) async throws {
        _ = try await connection.query(
            switchConnection,
            [.int8(id), .bool(wanted.enabled), .text(wanted.lag.rawValue)]
        )
    }

    private static func write(
        _ transformations: [Transformation],
        of id: Int64,
        on connection: PostgreSQL.Connection
    ) async throws {
        for (position, step) in transformations.enumerated() {
            _ = try await connection.query(
                insertTransformation,
                [
                    .int8(id), .int2(Int16(position)), .text(step.plugin.id),
                    step.plugin.version.map(Parameter.text) ?? .null, .text(step.config),
                ]
            )
        }
    }
}

extension DeclaredDestination {
    /// Everything but the name, in the order in which both statements want it.
    fileprivate var parameters: [Parameter] {
        [
            .text(connector.id), connector.version.map(Parameter.text) ?? .null, .text(config),
            .text(limits.document.canonicalJSON), .bool(enabled),
        ]
    }
}
