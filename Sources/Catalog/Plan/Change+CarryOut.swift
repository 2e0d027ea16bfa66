import Conditions
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
private let insertConnection = Statement(
    "catalog.add_connection",
    "SELECT connection_id FROM leat.add_connection($1, $2, $3)"
)
private let switchConnection = Statement(
    "catalog.update_connection",
    "UPDATE leat.connection SET enabled = $2, lag = $3, selection = $4, trace_sample = $5 WHERE connection_id = $1"
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
    INSERT INTO leat.connection_transformation (connection_id, position, plugin_id, version, config, condition)
    VALUES ($1, $2, $3, $4, $5, $6)
    """
)
private let deleteSourceTransformations = Statement(
    "catalog.drop_source_transformations",
    """
    DELETE FROM leat.source_transformation t USING leat.source s
    WHERE t.source_id = s.source_id AND s.name = $1 AND s.removed_at IS NULL
    """
)
private let insertSourceTransformation = Statement(
    "catalog.add_source_transformation",
    """
    INSERT INTO leat.source_transformation (source_id, position, plugin_id, version, config, condition)
    SELECT source_id, $2, $3, $4, $5, $6 FROM leat.source WHERE name = $1 AND removed_at IS NULL
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
        case .transformSource(let name, let transformations, _):
            _ = try await connection.query(deleteSourceTransformations, [.text(name)])
            try await Self.write(transformations, of: .text(name), insertSourceTransformation, on: connection)
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
        case .addDestination, .updateDestination, .removeDestination, .limitDestination, .pauseDestination,
            .drainDestination, .resumeDestination:
            try await carryOutOnDestination(connection)
        case .addConnection(let wanted):
            let ends: [Parameter] = [.text(wanted.source), .text(wanted.destination), .bool(wanted.enabled)]
            guard let row = try await connection.query(insertConnection, ends).first else {
                throw CatalogError.missing(noun: "connection", name: wanted.name)
            }
            let id = try row.int8(0)
            if wanted.lag != .hold || wanted.selection != .everything || wanted.sample != Connection.standardSample {
                try await Self.set(wanted, of: id, on: connection)
            }
            try await Self.write(wanted.transformations, of: .int8(id), insertTransformation, on: connection)
        case .updateConnection(let id, let wanted, _):
            try await Self.set(wanted, of: id.rawValue, on: connection)
            _ = try await connection.query(deleteTransformations, [.int8(id.rawValue)])
            let owner = Parameter.int8(id.rawValue)
            try await Self.write(wanted.transformations, of: owner, insertTransformation, on: connection)
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
            [
                .int8(id), .bool(wanted.enabled), .text(wanted.lag.rawValue), .text(wanted.selection.canonicalJSON),
                .float8(wanted.sample),
            ]
        )
    }

    private static func write(
        _ transformations: [Transformation],
        of owner: Parameter,
        _ statement: Statement,
        on connection: PostgreSQL.Connection
    ) async throws {
        for (position, step) in transformations.enumerated() {
            _ = try await connection.query(
                statement,
                [
                    owner, .int2(Int16(position)), .text(step.plugin.id),
                    step.plugin.version.map(Parameter.text) ?? .null, .text(step.config),
                    step.when.map { .text($0.text) } ?? .null,
                ]
            )
        }
    }
}
