package import EventModel

/// What can go wrong between us and PostgreSQL.
///
/// The description is safe to show to anyone: it holds neither parameter values nor connection secrets, and a
/// server's own sentence only where PostgreSQL never puts values into it.
package enum PostgreSQLError: ClassifiedError, Equatable {
    /// The connection text cannot be understood. It is not repeated, because it may hold a password.
    case invalidAddress
    /// No connection could be made; the reason is libpq's, which never holds the password.
    case connectionFailed(reason: String)
    /// The connection ended while, or before, the query ran; whether the server committed is unknown.
    case connectionLost(query: String)
    /// The server refused the query.
    case server(ServerError)
    /// The query took longer than it may.
    case timedOut(query: String)
    /// The task that asked was cancelled.
    case cancelled(query: String)
    /// No connection became free in time, or too many callers wait already.
    case poolExhausted
    /// The pool was shut down.
    case poolClosed
    /// A result has another shape than the caller expects: a fault of ours.
    case unexpectedResult(query: String, column: Int, expected: String)
    /// A parameter that PostgreSQL cannot hold, such as text with a zero byte.
    case invalidParameter(query: String, index: Int)
    /// The private server cannot be created or started.
    case cluster(reason: String)

    package var code: String {
        switch self {
        case .invalidAddress: "database_address"
        case .connectionFailed: "database_unreachable"
        case .connectionLost: "database_connection_lost"
        case .server(let error): error.isUnavailable ? "database_unavailable" : "database_error"
        case .timedOut: "database_timeout"
        case .cancelled: "cancelled"
        case .poolExhausted: "database_busy"
        case .poolClosed: "database_closed"
        case .unexpectedResult: "database_result"
        case .invalidParameter: "database_parameter"
        case .cluster: "database_cluster"
        }
    }

    package var disposition: Disposition {
        switch self {
        case .connectionFailed, .connectionLost: .retry(after: .milliseconds(250))
        case .timedOut, .cancelled, .poolExhausted: .retry(after: .milliseconds(100))
        case .server(let error): error.disposition
        case .invalidParameter: .bury
        case .invalidAddress, .poolClosed, .unexpectedResult, .cluster: .stop
        }
    }

    package var description: String {
        switch self {
        case .invalidAddress: "The database address cannot be read."
        case .connectionFailed(let reason): "PostgreSQL cannot be reached: \(reason)"
        case .connectionLost(let query): "The connection to PostgreSQL was lost in \(query)."
        case .server(let error): error.description
        case .timedOut(let query): "PostgreSQL did not finish \(query) in time."
        case .cancelled(let query): "\(query) was cancelled."
        case .poolExhausted: "No connection to PostgreSQL became free in time."
        case .poolClosed: "The connections to PostgreSQL are closed."
        case .unexpectedResult(let query, let column, let expected):
            "Column \(column) of \(query) does not hold \(expected)."
        case .invalidParameter(let query, let index): "Parameter \(index + 1) of \(query) cannot be stored."
        case .cluster(let reason): "The private PostgreSQL server: \(reason)"
        }
    }
}

/// An error that the server reported about one query.
package struct ServerError: Equatable, Sendable, CustomStringConvertible {
    /// Five letters and digits of the SQL standard.
    /// - Source: PostgreSQL manual, appendix A.
    package let sqlState: String
    /// `ERROR`, `FATAL` or `PANIC`.
    package let severity: String
    /// The name of the statement, never its text.
    package let query: String
    /// The server's sentence, kept only for classes of error whose sentences name no values.
    package let message: String?
    /// The constraint that refused, if one did.
    package let constraint: String?

    package init(sqlState: String, severity: String, query: String, message: String?, constraint: String?) {
        self.sqlState = sqlState
        self.severity = severity
        self.query = query
        self.message = Self.namesNoValues(sqlState) ? message : nil
        self.constraint = constraint
    }

    package var description: String {
        let place = constraint.map { " (\($0))" } ?? ""
        return "PostgreSQL refused \(query) with \(sqlState)\(place)\(message.map { ": \($0)" } ?? ".")"
    }

    /// Whether the server as a whole cannot work now: starting, stopping, full or out of connections.
    package var isUnavailable: Bool {
        ["08", "53", "58"].contains(sqlClass) || ["57P01", "57P02", "57P03", "57P05", "25006"].contains(sqlState)
    }

    package var disposition: Disposition {
        if isUnavailable { return .retry(after: .milliseconds(500)) }
        return switch sqlClass {
        // Serialization and deadlock, lock not available, query cancelled.
        case "40", "55", "57": .retry(after: .milliseconds(50))
        // Data and constraints: the same statement fails again.
        case "22", "23": .bury
        default: .stop
        }
    }

    private var sqlClass: String { String(sqlState.prefix(2)) }

    /// The classes whose primary message holds names of objects only; `LE` is our own schema's.
    private static func namesNoValues(_ sqlState: String) -> Bool {
        let safe = [
            "08", "0A", "23", "25", "26", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "LE", "XX",
        ]
        return safe.contains(String(sqlState.prefix(2)))
    }
}
