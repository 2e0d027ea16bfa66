package import EventModel
import PostgreSQL

private let forgetTracings = Statement("catalog.forget_tracings", "DELETE FROM leat.tracing WHERE until < now()")
private let insertTracing = Statement(
    "catalog.add_tracing",
    """
    INSERT INTO leat.tracing (subject, until, who)
    VALUES ($1, now() + $2 * interval '1 second', $3) RETURNING tracing_id, until
    """
)
private let deleteTracing = Statement("catalog.remove_tracing", "DELETE FROM leat.tracing WHERE subject = $1")

extension Catalog {
    /// The most users and messages that are followed at the same time.
    package static let maximumTracings = 20
    /// The longest that one is.
    package static let longestTracing = Duration.seconds(24 * 3600)
    /// - Unit: bytes of a user's key or a message id.
    package static let maximumSubject = 512

    /// Follows the events of a user, or a message, for so long; one that is followed already gets the new time.
    ///
    /// - Throws: `refused` when too many are followed.
    package func follow(
        _ subject: String,
        for duration: Duration,
        by who: String
    ) async throws(CatalogError) -> Tracing {
        let tracing = try await CatalogError.translating {
            try await pool.transaction { connection in
                try await Self.lock(connection)
                _ = try await connection.query(forgetTracings)
                _ = try await connection.query(deleteTracing, [.text(subject)])
                guard try await Self.tracings(on: connection).count < Self.maximumTracings else {
                    let message =
                        "\(Self.maximumTracings) users and messages are followed already; end one, or wait until its time is over"
                    throw CatalogError.refused([Problem(Place(), message)])
                }
                let parameters: [Parameter] = [.text(subject), .float8(duration / .seconds(1)), .text(who)]
                guard let row = try await connection.query(insertTracing, parameters).first else {
                    throw CatalogError.missing(noun: "trace", name: subject)
                }
                let tracing = Tracing(
                    id: try row.int8(0),
                    subject: subject,
                    until: try row.timestamp(1),
                    who: who
                )
                _ = try await Self.end(["+ trace \(tracing.id)"], by: who, on: connection)
                return tracing
            }
        }
        try await reload()
        return tracing
    }

    /// Follows a user or a message no more.
    ///
    /// - Throws: `missing` when it is not followed.
    package func unfollow(_ subject: String, by who: String) async throws(CatalogError) {
        try await CatalogError.translating {
            try await pool.transaction { connection in
                try await Self.lock(connection)
                let known = try await Self.tracings(on: connection)
                guard let tracing = known.first(where: { $0.subject == subject }) else {
                    throw CatalogError.missing(noun: "trace", name: subject)
                }
                _ = try await connection.query(deleteTracing, [.text(subject)])
                _ = try await Self.end(["- trace \(tracing.id)"], by: who, on: connection)
            }
        }
        try await reload()
    }

    private static let readTracings = Statement(
        "catalog.tracings",
        "SELECT tracing_id, subject, until, who FROM leat.tracing WHERE until > now() ORDER BY tracing_id"
    )

    static func tracings(on connection: PostgreSQL.Connection) async throws -> [Tracing] {
        try await connection.query(readTracings).map { row in
            Tracing(
                id: try row.int8(0),
                subject: try row.text(1),
                until: try row.timestamp(2),
                who: try row.text(3)
            )
        }
    }
}
