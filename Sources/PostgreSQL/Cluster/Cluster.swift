import EventModel
import Glibc

/// A private PostgreSQL server in a directory of ours: created, started, watched, started again, stopped.
///
/// The server is not tied to our life: if we are killed it goes on, and the next start on the same directory takes it
/// over, so that nothing ever has to end it uncleanly. A server that is killed itself is started again and recovers.
///
/// - Owner: the program that serves; `run()` for as long as it needs the database.
package actor Cluster {
    private enum Phase {
        case idle
        case running(ServerProcess)
        case stopped
    }

    package nonisolated let settings: ClusterSettings
    private var phase = Phase.idle
    private var lock: Int32 = -1
    private let observer: @Sendable (ClusterEvent) -> Void

    /// The shortest and the longest pause before a server that died young, or did not start, is started again.
    private static let backOff = Duration.milliseconds(200)...Duration.seconds(10)
    /// How long a server must have run to be started again at once.
    private static let maturity = Duration.seconds(60)
    /// How often the length of the log file is looked at.
    private static let logPeriod = Duration.seconds(30)

    package init(_ settings: ClusterSettings, observer: @escaping @Sendable (ClusterEvent) -> Void = { _ in }) {
        self.settings = settings
        self.observer = observer
    }

    /// How to connect to the database of the application.
    package nonisolated var connection: ConnectionSettings { settings.connection(database: settings.database) }

    /// Creates what is missing, takes over or starts the server, and makes the database.
    ///
    /// A cancelled task leaves nothing running.
    /// - Throws: `cluster`, with a sentence for the operator.
    package func start() async throws(PostgreSQLError) {
        guard case .idle = phase else { return }
        let (lock, process, isAdopted) = try await blocking { directory throws(PostgreSQLError) in
            let lock = try directory.lock()
            do throws(PostgreSQLError) {
                try directory.create()
                if let old = try directory.adopt() { return (lock, old, true) }
                return (lock, try directory.start(), false)
            } catch {
                close(lock)
                throw error
            }
        }
        self.lock = lock
        phase = .running(process)
        observer(isAdopted ? .adopted : .started)
        do throws(PostgreSQLError) {
            try await makeDatabase()
        } catch {
            await stop()
            throw error
        }
    }

    /// Watches the server and starts it again whenever it ends, until the task is cancelled; then stops it.
    package func run() async throws(PostgreSQLError) {
        try await start()
        let directory = try ClusterDirectory(settings)
        var pause = Self.backOff.lowerBound
        var began = ContinuousClock.now
        while !Task.isCancelled {
            guard case .running(let process) = phase else { break }
            let ended = try await waitForEnd(of: process, directory)
            guard ended, !Task.isCancelled, case .running = phase else { continue }
            observer(.died)
            process.forget()
            phase = .idle
            if began.duration(to: .now) >= Self.maturity {
                pause = Self.backOff.lowerBound
            } else {
                await wait(&pause)
            }
            while !Task.isCancelled, case .idle = phase {
                do throws(PostgreSQLError) {
                    let next = try await blocking { directory throws(PostgreSQLError) in try directory.start() }
                    phase = .running(next)
                    began = .now
                    observer(.started)
                } catch {
                    if !Task.isCancelled { observer(.failed(error)) }
                    await wait(&pause)
                }
            }
        }
        await stop()
    }

    /// Waits, and doubles the pause for the next time.
    private func wait(_ pause: inout Duration) async {
        try? await Task.sleep(for: pause, clock: .continuous)
        pause = min(pause * 2, Self.backOff.upperBound)
    }

    /// Stops the server, waiting for its end.
    package func stop() async {
        // None runs between its death and its next start.
        guard case .running(let process) = phase else { return unlock() }
        guard let directory = try? ClusterDirectory(settings) else { return }
        phase = .stopped
        _ = try? await OwnThread.run { () throws(PostgreSQLError) in
            directory.stop(process)
            process.forget()
        }
        unlock()
        observer(.stopped)
    }

    private func unlock() {
        if lock >= 0 { close(lock) }
        lock = -1
    }

    /// The server's process id, for those who must hurt it in a test.
    package var processID: Int32? {
        guard case .running(let process) = phase else { return nil }
        return process.pid
    }

    /// Runs steps on a thread of their own, and halts them when the task is cancelled.
    private func blocking<Result: Sendable>(
        _ work: @escaping @Sendable (ClusterDirectory) throws(PostgreSQLError) -> Result
    ) async throws(PostgreSQLError) -> Result {
        let halt = Halt()
        let directory = try ClusterDirectory(settings, halt: halt)
        let outcome: Swift.Result<Result, PostgreSQLError> = await withTaskCancellationHandler {
            do throws(PostgreSQLError) {
                return .success(try await OwnThread.run { () throws(PostgreSQLError) in try work(directory) })
            } catch {
                return .failure(error)
            }
        } onCancel: {
            halt.set()
        }
        return try outcome.get()
    }

    private func waitForEnd(
        of process: ServerProcess,
        _ directory: ClusterDirectory
    ) async throws(PostgreSQLError) -> Bool {
        let bell = Bell()
        return await withTaskCancellationHandler {
            let ended = try? await OwnThread.run { () throws(PostgreSQLError) in
                let period = Int32(clamping: Self.logPeriod.milliseconds)
                let events = bell.wait(other: process.descriptor, events: Int16(POLLIN), milliseconds: period)
                directory.moveLogAsideIfLong()
                return events != 0 && process.waitForEnd(.seconds(1)) != nil
            }
            return ended ?? false
        } onCancel: {
            bell.ring()
        }
    }

    private func makeDatabase() async throws(PostgreSQLError) {
        let session = try await Connection.open(settings.connection(database: "postgres"))
        do throws(PostgreSQLError) {
            let found = try await session.query(
                "SELECT 1 FROM pg_database WHERE datname = $1",
                [.text(settings.database)]
            )
            if found.isEmpty {
                let name = settings.database.filter { $0 != "\"" }
                try await session.execute(
                    Statement("create_database", "CREATE DATABASE \"\(name)\"", timeout: .seconds(60))
                )
            }
            await session.close()
        } catch {
            await session.close()
            throw error
        }
    }
}

/// What happens to a private server, for the log.
package enum ClusterEvent: Sendable {
    case started
    /// A server that an earlier run left behind goes on.
    case adopted
    case died
    case failed(PostgreSQLError)
    case stopped
}
