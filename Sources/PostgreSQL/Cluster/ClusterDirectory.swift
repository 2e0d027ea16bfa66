import CPostgreSQL
import Glibc
import Synchronization

/// The blocking steps of a private server's life, in the order in which they happen.
struct ClusterDirectory: Sendable {
    let settings: ClusterSettings
    let programs: ServerPrograms
    /// Set by whoever does not want to wait any longer for a server to be made or to start.
    let halt: Halt

    init(_ settings: ClusterSettings, halt: Halt = Halt()) throws(PostgreSQLError) {
        self.settings = settings
        self.halt = halt
        let version = Files.text(settings.directory + "/PG_VERSION")?.prefix { $0.isNumber }
        programs = try ServerPrograms.find(version: version.flatMap { Int($0) })
        guard settings.directory.hasPrefix("/"), settings.socketDirectory.hasPrefix("/") else {
            throw .cluster(reason: "its folders must be named from the root.")
        }
        guard settings.socketDirectory.utf8.count <= ClusterSettings.socketDirectoryBytes else {
            throw .cluster(reason: "the path of its socket folder is too long for a Unix socket.")
        }
        guard geteuid() != 0 || settings.account != nil else {
            throw .cluster(reason: "it does not run as root; name an unprivileged user.")
        }
    }

    /// Who runs the programs; nobody else but ourselves unless we are root.
    private var account: (user: UInt32, group: UInt32)? { geteuid() == 0 ? settings.account : nil }

    /// Gives an open file to the server's user, so that it can be opened again after we have become that user.
    private func give(_ descriptor: Int32) {
        if let account { _ = fchown(descriptor, account.user, account.group) }
    }

    private static let lockAttempts = 50
    /// - Unit: microseconds.
    private static let lockPause: UInt32 = 20_000
    /// - Unit: microseconds.
    private static let sessionPause: UInt32 = 200_000

    /// Keeps every other server of ours off this directory until the descriptor is closed.
    func lock() throws(PostgreSQLError) -> Int32 {
        let descriptor = unsafe open(settings.directory + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .cluster(reason: "\(settings.directory).lock cannot be opened (\(Files.reason(errno))).")
        }
        give(descriptor)
        // A process that was just forked holds a copy of a lock that we gave back, until it starts its own program.
        for _ in 0..<Self.lockAttempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            usleep(Self.lockPause)
        }
        close(descriptor)
        throw .cluster(reason: "another server already runs on \(settings.directory).")
    }

    /// Makes the data directory if there is none.
    ///
    /// A half-made one never gets the final name.
    func create() throws(PostgreSQLError) {
        guard !Files.exists(settings.directory + "/PG_VERSION") else { return }
        if let account, let closed = Files.closedFolder(on: settings.directory, to: account) {
            throw .cluster(reason: "its user may not enter \(closed), in which its folder lies; use another place.")
        }
        let draft = settings.directory + ".new"
        Files.removeTree(draft)
        try Files.makePrivateFolder(draft, owner: account)
        let log = try openLog()
        defer { close(log) }
        var arguments = [
            "-D", draft, "-U", ClusterSettings.role, "-A", "trust", "--no-locale", "--encoding=UTF8",
            "--data-checksums", "--no-instructions",
        ]
        if !settings.isDurable { arguments.append("--no-sync") }
        let process = try ServerProcess.start(programs.initdb, arguments, account: account, log: log)
        defer { process.forget() }
        let status = waitForEnd(of: process)
        guard status == 0 else {
            // Politely first: it ends the server that it has started for its work.
            for number in [SIGINT, SIGKILL] where status == nil {
                process.signal(number)
                if process.waitForEnd(.seconds(5)) != nil { break }
            }
            try halt.check()
            throw .cluster(reason: "initdb failed. \(lastWords)")
        }
        let memory = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE)))
        try Files.append(settings.configuration(memoryBytes: memory), to: draft + "/postgresql.conf")
        unsafe rmdir(settings.directory)
        try Files.rename(draft, to: settings.directory)
    }

    /// The server that an earlier run left running on this directory, if it serves at our socket; stops any other.
    func adopt() throws(PostgreSQLError) -> ServerProcess? {
        let pidFile = settings.directory + "/postmaster.pid"
        guard let text = Files.text(pidFile) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let pid = lines.first.flatMap({ Int32($0) }), pid > 1, let process = ServerProcess.existing(pid),
            isServerOfThisDirectory(pid)
        else {
            // The number belongs to nobody, or by now to somebody else, whom PostgreSQL would take for a server.
            unsafe unlink(pidFile)
            return nil
        }
        let socketDirectory = lines.count > 4 ? String(lines[4]) : ""
        if socketDirectory == settings.socketDirectory, waitUntilReady(process) { return process }
        stop(process)
        process.forget()
        return nil
    }

    /// Removes the socket of a server that is gone.
    ///
    /// PostgreSQL would take the process id in its lock for a living server while nobody has reaped the dead one, which
    /// in a container without a proper first process is for ever. The folder is ours alone, and nothing runs on it now.
    private func removeStaleSocket() {
        for name in ["/.s.PGSQL.5432", "/.s.PGSQL.5432.lock"] { unsafe unlink(settings.socketDirectory + name) }
    }

    /// Starts the server and waits until it answers, crash recovery included.
    ///
    /// The sessions of a server that was killed may outlive it by a moment, and PostgreSQL does not start beside them.
    func start() throws(PostgreSQLError) -> ServerProcess {
        let deadline = ContinuousClock.now + settings.startTimeout
        while true {
            if let process = try startOnce() { return process }
            let words = lastWords
            guard words.contains("pre-existing shared memory block"), ContinuousClock.now < deadline else {
                throw .cluster(reason: "it did not start. \(words)")
            }
            _ = usleep(Self.sessionPause)
        }
    }

    /// Nil if the server ends at once or does not answer in time.
    private func startOnce() throws(PostgreSQLError) -> ServerProcess? {
        try halt.check()
        try Files.makePrivateFolder(settings.socketDirectory, owner: account)
        removeStaleSocket()
        let log = try openLog()
        defer { close(log) }
        let process = try ServerProcess.start(
            programs.postgres,
            ["-D", settings.directory] + settings.arguments,
            account: account,
            log: log
        )
        if waitUntilReady(process) { return process }
        stop(process)
        process.forget()
        try halt.check()
        return nil
    }

    /// Ends the server: politely to its clients, then not, then by force.
    func stop(_ process: ServerProcess) {
        process.signal(SIGINT)
        if process.waitForEnd(settings.stopTimeout) != nil { return }
        process.signal(SIGQUIT)
        if process.waitForEnd(settings.stopTimeout) != nil { return }
        process.signal(SIGKILL)
        _ = process.waitForEnd(settings.stopTimeout)
    }

    func moveLogAsideIfLong() {
        if Files.size(settings.logFile) > settings.logBytes { Files.moveAside(settings.logFile) }
    }

    /// The postmaster's working directory is its data directory.
    private func isServerOfThisDirectory(_ pid: Int32) -> Bool {
        var ours = stat()
        var its = stat()
        guard unsafe stat(settings.directory, &ours) == 0, unsafe stat("/proc/\(pid)/cwd", &its) == 0 else {
            return false
        }
        return ours.st_dev == its.st_dev && ours.st_ino == its.st_ino
    }

    private func waitUntilReady(_ process: ServerProcess) -> Bool {
        let deadline = ContinuousClock.now + settings.startTimeout
        let address = settings.connection(database: "postgres").address
        while ContinuousClock.now < deadline, !halt.isSet {
            if unsafe PQping(address) == PQPING_OK { return true }
            // Sleeps, and wakes at once if the server ends.
            if process.waitForEnd(Self.lookPeriod) != nil { return false }
        }
        return false
    }

    /// Waits for a program that prepares something; nil if that takes too long, or nobody wants it any more.
    private func waitForEnd(of process: ServerProcess) -> Int32? {
        let deadline = ContinuousClock.now + settings.startTimeout
        while ContinuousClock.now < deadline, !halt.isSet {
            if let status = process.waitForEnd(Self.lookPeriod) { return status }
        }
        return nil
    }

    /// How often a wait looks whether it is still wanted.
    private static let lookPeriod = Duration.milliseconds(25)

    private func openLog() throws(PostgreSQLError) -> Int32 {
        moveLogAsideIfLong()
        let log = unsafe open(settings.logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw .cluster(reason: "its log cannot be opened (\(Files.reason(errno))).") }
        give(log)
        return log
    }

    /// The end of the log: with statements kept out of it, its lines name files and settings only.
    private var lastWords: String {
        let lines = (Files.text(settings.logFile, atMost: 2_000, fromEnd: true) ?? "").split(separator: "\n")
        return lines.suffix(3).joined(separator: " ")
    }
}

/// Tells blocking work that nobody waits for it any more.
final class Halt: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }

    func check() throws(PostgreSQLError) {
        if isSet { throw .cancelled(query: "the start of the private server") }
    }
}
