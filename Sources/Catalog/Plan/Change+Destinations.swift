import EventModel
import PostgreSQL

private let insertDestination = Statement(
    "catalog.add_destination",
    """
    INSERT INTO leat.destination (name, connector, version, config, limits, enabled, transport)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    """
)
private let rewriteDestination = Statement(
    "catalog.update_destination",
    """
    UPDATE leat.destination SET connector = $2, version = $3, config = $4, limits = $5, enabled = $6, transport = $7
    WHERE destination_id = $1
    """
)
private let retireDestination = Statement(
    "catalog.remove_destination",
    "UPDATE leat.destination SET removed_at = now() WHERE destination_id = $1"
)
private let rewriteLimits = Statement(
    "catalog.limit_destination",
    "UPDATE leat.destination SET limits = $2 WHERE destination_id = $1"
)
private let halt = Statement(
    "catalog.pause_destination",
    """
    UPDATE leat.destination SET paused_at = clock_timestamp(), paused_by = $2, pause_reason = $3,
        drain_until = CASE WHEN $4 THEN clock_timestamp() END
    WHERE destination_id = $1
    """
)
private let resume = Statement(
    "catalog.resume_destination",
    """
    UPDATE leat.destination SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, drain_until = NULL
    WHERE destination_id = $1
    """
)
extension Change {
    /// Writes down what changes about a destination, and nothing for any other change.
    func carryOutOnDestination(_ connection: PostgreSQL.Connection) async throws {
        switch self {
        case .addDestination(let destination):
            _ = try await connection.query(insertDestination, [.text(destination.name)] + destination.parameters)
        case .updateDestination(let id, let destination, _):
            _ = try await connection.query(rewriteDestination, [.int8(id.rawValue)] + destination.parameters)
        case .removeDestination(let id, _):
            _ = try await connection.query(retireDestination, [.int8(id.rawValue)])
        case .limitDestination(let id, _, let limits, _):
            let text = limits.document.canonicalJSON
            _ = try await connection.query(rewriteLimits, [.int8(id.rawValue), .text(text)])
        case .pauseDestination(let id, _, let reason, let who):
            _ = try await connection.query(halt, [.int8(id.rawValue), .text(who), .text(reason), .bool(false)])
        case .drainDestination(let id, _, let reason, let who):
            _ = try await connection.query(halt, [.int8(id.rawValue), .text(who), .text(reason), .bool(true)])
        case .resumeDestination(let id, _):
            _ = try await connection.query(resume, [.int8(id.rawValue)])
        default: break
        }
    }
}

extension DeclaredDestination {
    /// Everything but the name, in the order in which both statements want it.
    fileprivate var parameters: [Parameter] {
        [
            .text(connector.id), connector.version.map(Parameter.text) ?? .null, .text(config),
            .text(limits.document.canonicalJSON), .bool(enabled), .text(transport.document.canonicalJSON),
        ]
    }
}
