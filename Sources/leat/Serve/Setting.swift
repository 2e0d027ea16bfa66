/// One thing an operator may set, with everything there is to know about it.
///
/// The same table makes the reader, `--print-settings` and the refusal of unknown names; `docs/operations.md` repeats it
/// and a test compares the two.
struct Setting: Sendable {
    /// What kind of value it takes.
    enum Kind: Sendable {
        case text
        /// Never shown.
        case secret
        case whole(ClosedRange<Int>)
        case choice([String])
        /// Addresses and ranges of them, separated by commas.
        case ranges
    }

    /// Dotted, lower case; the name in the environment is `LEAT_` and the key in capitals with underscores.
    let key: String
    let kind: Kind
    /// Nil where there is no value unless one is given.
    let standard: String?
    let meaning: String

    /// The variable that sets it.
    var variable: String {
        key == "database.url" ? "DATABASE_URL" : "LEAT_" + key.uppercased().split(separator: ".").joined(separator: "_")
    }

    /// Every setting of `leat serve`.
    static let all: [Setting] = [
        Setting(key: "http.host", kind: .text, standard: "127.0.0.1", meaning: "address to listen on"),
        Setting(
            key: "http.port",
            kind: .whole(0...65_535),
            standard: "8080",
            meaning: "port to listen on; 0 takes a free one"
        ),
        Setting(
            key: "http.forwarded",
            kind: .choice(["ignore", "trust"]),
            standard: "ignore",
            meaning: "whether `X-Forwarded-For` names the sender; `trust` only behind a proxy that sets it"
        ),
        Setting(
            key: "data.directory",
            kind: .text,
            standard: nil,
            meaning: "folder for the private database; /var/lib/leat as root, else ~/.local/share/leat"
        ),
        Setting(
            key: "runtime.directory",
            kind: .text,
            standard: nil,
            meaning: "short folder for sockets; /run/leat as root, else the session's run-time folder or /tmp"
        ),
        Setting(
            key: "database.url",
            kind: .secret,
            standard: nil,
            meaning: "a PostgreSQL to use instead of the private one, as a libpq connection string"
        ),
        Setting(
            key: "database.connections",
            kind: .whole(4...200),
            standard: "12",
            meaning: "connections to PostgreSQL"
        ),
        Setting(
            key: "delivery.allow",
            kind: .ranges,
            standard: nil,
            meaning: "addresses and ranges that requests may go to though they are not public, such as `10.0.0.0/8`"
        ),
        Setting(
            key: "retention.log",
            kind: .whole(1...87_600),
            standard: "72",
            meaning: "hours for which the log keeps events that everybody has read"
        ),
        Setting(
            key: "retention.log_bytes",
            kind: .whole(0...1_000_000_000_000_000),
            standard: "0",
            meaning: "bytes that the log may take on disk; beyond it old slices go before their time; 0 for no bound"
        ),
        Setting(
            key: "retention.dead_letters",
            kind: .whole(1...3650),
            standard: "30",
            meaning: "days for which dead letters are kept"
        ),
        Setting(
            key: "retention.traces",
            kind: .whole(1...3650),
            standard: "7",
            meaning: "days for which the ways of single events are kept"
        ),
        Setting(
            key: "retention.refused",
            kind: .whole(1...3650),
            standard: "30",
            meaning: "days for which refused events are counted by the minute and samples are kept; their totals stay"
        ),
        Setting(
            key: "retention.timings",
            kind: .whole(1...3650),
            standard: "30",
            meaning: "days for which plugin timings are kept"
        ),
        Setting(
            key: "secret.key_file",
            kind: .text,
            standard: nil,
            meaning: "file with the key that encrypts secrets, older ones behind it; made for a private database"
        ),
        Setting(
            key: "secret.key",
            kind: .secret,
            standard: nil,
            meaning: "the same keys themselves instead of a file: each 32 bytes as Base64 or hexadecimal digits"
        ),
        Setting(
            key: "user",
            kind: .text,
            standard: "postgres",
            meaning: "the unprivileged user that a server started as root becomes"
        ),
        Setting(
            key: "shutdown.timeout",
            kind: .whole(1...600),
            standard: "30",
            meaning: "seconds that everything but the private database may take to end in order"
        ),
        Setting(
            key: "node.name",
            kind: .text,
            standard: nil,
            meaning: "how this node is called in tables and metrics; the host's name unless given"
        ),
        Setting(
            key: "worker.path",
            kind: .text,
            standard: nil,
            meaning: "the leat-worker program; beside the leat program unless given"
        ),
        Setting(
            key: "log.level",
            kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            standard: "info",
            meaning: "the least severe lines that are written"
        ),
    ]

    /// Variables with the same prefix that belong to the client commands.
    static let clientVariables: Set<String> = ["LEAT_SERVER", "LEAT_TOKEN", "LEAT_WRITE_KEY"]
}
