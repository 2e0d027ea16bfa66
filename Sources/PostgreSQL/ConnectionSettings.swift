/// How to reach one database, and what every session on it is told.
///
/// There is no description on purpose: the address may hold a password.
package struct ConnectionSettings: Sendable {
    /// A libpq connection string or a `postgres://` address.
    package var address: String
    /// What `pg_stat_activity` shows.
    package var applicationName: String
    /// How long making a connection may take.
    /// - Unit: whole seconds, at least 2 as libpq demands.
    package var connectSeconds: Int
    /// How long any statement may take that has no limit of its own; nil for no limit.
    package var statementTimeout: Duration?
    /// How long the server may take to end a cancelled statement before the connection is given up.
    package var cancelGrace: Duration
    /// `SET name = value` for every session, such as `plan_cache_mode`; names and values are ours, never input.
    package var session: [String: String]

    package init(
        address: String,
        applicationName: String = "leat",
        connectSeconds: Int = 5,
        statementTimeout: Duration? = .seconds(60),
        cancelGrace: Duration = .seconds(5),
        session: [String: String] = [:]
    ) {
        self.address = address
        self.applicationName = applicationName
        self.connectSeconds = connectSeconds
        self.statementTimeout = statementTimeout
        self.cancelGrace = cancelGrace
        self.session = session
    }

    /// What libpq is given before the address, so that the address may say otherwise.
    ///
    /// A database that vanished from the network must not look alive for the two hours that TCP takes by default. What is
    /// sent and not taken in for ten seconds counts as lost: a link that heals is found again by a new session sooner
    /// than by the old one, which tries at intervals that double.
    var defaults: [(String, String)] {
        [
            ("connect_timeout", String(max(2, connectSeconds))),
            ("keepalives_idle", "15"),
            ("keepalives_interval", "5"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
            ("fallback_application_name", applicationName),
        ]
    }

    /// How long a transaction of ours may wait for us: a program that is stopped in the middle must not hold its locks.
    /// - Unit: milliseconds.
    private static let longestPause = 10_000

    /// How the server finds out that a node is gone whose machine could not say so.
    ///
    /// Else it would keep its sessions, which are few, for two hours. A Unix socket knows none of it.
    private static let vigilance = [
        ("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "2"),
        ("tcp_user_timeout", "20000"),
    ]

    /// One script that sets the session up.
    var preamble: String {
        // Compiling a plan takes longer than any statement of ours.
        var script = "SET client_min_messages = warning; SET DateStyle = ISO; SET jit = off;"
        script += " SET standard_conforming_strings = on;"
        script += " SET idle_in_transaction_session_timeout = \(Self.longestPause);"
        for (name, value) in Self.vigilance { script += " SET \(name) = \(value);" }
        for (name, value) in session.sorted(by: { $0.key < $1.key }) { script += " SET \(name) = \(value);" }
        return script
    }
}
