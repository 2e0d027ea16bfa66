/// Where a private PostgreSQL server lives and how it runs.
package struct ClusterSettings: Sendable {
    /// The data directory; created with access for its owner alone.
    package var directory: String
    /// Where the server's Unix socket appears.
    ///
    /// The only way in: whoever may enter this directory may connect.
    /// - Shape: at most 90 bytes, since a socket's whole path has room for 107.
    package var socketDirectory: String
    /// The file that gets what the server says; at most `logBytes` long, one older file beside it.
    package var logFile: String
    /// User and group to run the server as when we are root, which PostgreSQL refuses to be.
    package var account: (user: UInt32, group: UInt32)?
    /// The database that is created.
    package var database = "leat"
    /// Whether a commit waits for the disk.
    ///
    /// Only tests that start a new server each time say no.
    package var isDurable = true
    /// How long start and crash recovery may take.
    package var startTimeout = Duration.seconds(300)
    /// How long the server may take to stop before it is stopped harder.
    package var stopTimeout = Duration.seconds(30)
    /// When the log file is moved aside.
    package var logBytes = 16 * 1024 * 1024
    /// More settings, as in `postgresql.conf`.
    package var parameters: [String: String] = [:]

    package init(directory: String, socketDirectory: String, logFile: String) {
        self.directory = directory
        self.socketDirectory = socketDirectory
        self.logFile = logFile
    }

    /// The role that owns everything.
    static let role = "leat"
    /// The longest path of a socket's directory: `sun_path` less `/.s.PGSQL.5432` and the zero.
    static let socketDirectoryBytes = 90

    /// How to connect to `database` of this server.
    package func connection(database: String) -> ConnectionSettings {
        ConnectionSettings(
            address: "host='\(escaped(socketDirectory))' user='\(Self.role)' dbname='\(escaped(database))'"
        )
    }

    private func escaped(_ value: String) -> String {
        String(value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] })
    }

    /// What the server is told on its command line, where no file can say otherwise.
    var arguments: [String] {
        var all = [
            "listen_addresses": "",
            "unix_socket_directories": socketDirectory,
            "unix_socket_permissions": "0700",
            "port": "5432",
            "logging_collector": "off",
            "log_destination": "stderr",
            "fsync": isDurable ? "on" : "off",
            "synchronous_commit": isDurable ? "on" : "off",
            "full_page_writes": isDurable ? "on" : "off",
        ]
        all.merge(parameters) { _, given in given }
        return all.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
    }

    /// What `postgresql.conf` gets when the directory is created; an operator may change it there.
    func configuration(memoryBytes: Int) -> String {
        let megabytes = min(max(memoryBytes / 8 / 1_048_576, 64), 1024)
        return """

            # Written once, when this directory was created; change what you like.
            shared_buffers = \(megabytes)MB
            max_connections = 60
            default_toast_compression = lz4
            wal_compression = lz4
            min_wal_size = 256MB
            max_wal_size = 2GB
            checkpoint_timeout = 10min
            checkpoint_completion_target = 0.9
            random_page_cost = 1.1
            # Short statements by the thousand: compiling them costs more than it saves.
            jit = off
            # Statements may hold events, so none is written down.
            log_min_messages = warning
            log_min_error_statement = panic
            log_error_verbosity = terse
            log_line_prefix = '%m [%p] '
            timezone = 'UTC'
            log_timezone = 'UTC'

            """
    }
}
