/// A bounded set of sessions, each lent to one caller at a time, first come first served.
///
/// A session that broke, or came back with its transaction open, is thrown away; the next caller gets a new one. While
/// the database cannot be reached, callers are refused at once until the next try is due, so that a dead database
/// costs neither threads nor time.
package actor ConnectionPool {
    /// The bounds of a pool.
    package struct Bounds: Sendable {
        /// The most sessions at a time.
        package var connections = 8
        /// The most callers that wait; a longer queue would only be a slower refusal.
        package var waiters = 10_000
        /// How long a caller waits for a session.
        package var patience = Duration.seconds(30)
        /// The shortest and the longest pause between attempts to reach a database that refuses.
        package var backOff = Duration.milliseconds(50)...Duration.seconds(2)

        package init(connections: Int = 8) { self.connections = connections }
    }

    private enum Phase { case open, closed }

    private struct Waiter {
        let number: UInt64
        let continuation: CheckedContinuation<Grant, Never>
    }

    /// What a waiting caller is told.
    private enum Grant: Sendable {
        case connection(Connection)
        case mayOpen
        case refused(PostgreSQLError)
    }

    package nonisolated let settings: ConnectionSettings
    private let bounds: Bounds
    private var phase = Phase.open
    private var idle: [Connection] = []
    /// Sessions lent or being opened.
    private var lent = 0
    private var waiters: [Waiter] = []
    private var nextNumber: UInt64 = 0
    private var failure: (error: PostgreSQLError, until: ContinuousClock.Instant, pause: Duration)?

    package init(_ settings: ConnectionSettings, bounds: Bounds = Bounds()) {
        self.settings = settings
        self.bounds = bounds
    }

    /// Stands until its task is cancelled, then closes the pool: the form that a service group runs.
    package nonisolated func run() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        await withTaskCancellationHandler {
            for await _ in stream {}
        } onCancel: {
            continuation.finish()
        }
        await close()
    }

    /// Refuses new callers and ends the idle sessions; lent ones end when they come back.
    package func close() async {
        phase = .closed
        for waiter in waiters { waiter.continuation.resume(returning: .refused(.poolClosed)) }
        waiters.removeAll()
        let idle = self.idle
        self.idle.removeAll()
        for connection in idle { await connection.close() }
    }

    /// Lends a session for the duration of `body`.
    package nonisolated func withConnection<Result>(
        _ body: (Connection) async throws -> Result
    ) async throws -> Result {
        let connection = try await acquire()
        do {
            let result = try await body(connection)
            await release(connection)
            return result
        } catch {
            await release(connection)
            throw error
        }
    }

    /// Runs `body` in a transaction on a session of its own.
    package nonisolated func transaction<Result: Sendable>(
        _ body: (Connection) async throws -> Result
    ) async throws -> Result {
        try await withConnection { try await $0.transaction(body) }
    }

    /// Runs one statement on any session.
    package nonisolated func query(
        _ statement: Statement,
        _ parameters: [Parameter] = []
    ) async throws(PostgreSQLError) -> Rows {
        let connection = try await acquire(isCancellable: statement.isCancellable)
        do throws(PostgreSQLError) {
            let rows = try await connection.query(statement, parameters)
            await release(connection)
            return rows
        } catch {
            await release(connection)
            throw error
        }
    }

    /// Runs a script of statements without parameters on any session.
    @discardableResult
    package nonisolated func execute(_ script: Statement) async throws(PostgreSQLError) -> Rows {
        let connection = try await acquire(isCancellable: script.isCancellable)
        do throws(PostgreSQLError) {
            let rows = try await connection.execute(script)
            await release(connection)
            return rows
        } catch {
            await release(connection)
            throw error
        }
    }

    // MARK: Lending

    private func acquire(isCancellable: Bool = true) async throws(PostgreSQLError) -> Connection {
        guard phase == .open else { throw .poolClosed }
        while let connection = idle.popLast() {
            guard connection.isClean else {
                await connection.close()
                continue
            }
            lent += 1
            return connection
        }
        if lent < bounds.connections {
            lent += 1
            return try await open()
        }
        guard waiters.count < bounds.waiters else { throw .poolExhausted }
        switch await waitForTurn(isCancellable: isCancellable) {
        case .connection(let connection): return connection
        case .mayOpen: return try await open()
        case .refused(let error): throw error
        }
    }

    /// Opens a session for a place that is already counted as lent.
    private func open() async throws(PostgreSQLError) -> Connection {
        do throws(PostgreSQLError) {
            if let failure, failure.until > .now { throw failure.error }
            let connection = try await Connection.open(settings)
            failure = nil
            return connection
        } catch {
            if failure.map({ $0.until <= .now }) ?? true {
                let pause = min((failure?.pause ?? .zero) * 2, bounds.backOff.upperBound)
                let next = max(pause, bounds.backOff.lowerBound)
                failure = (error, .now + next, next)
            }
            placeIsFree()
            throw error
        }
    }

    private func waitForTurn(isCancellable: Bool) async -> Grant {
        let number = nextNumber
        nextNumber += 1
        return await withTaskGroup(of: Void.self, returning: Grant.self) { group in
            let patience = bounds.patience
            group.addTask {
                // Ends early when the caller is served or cancelled; only the full time refuses.
                if (try? await Task.sleep(for: patience)) != nil {
                    await self.refuse(number, .poolExhausted)
                }
            }
            let grant = await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    guard !(isCancellable && Task.isCancelled) else {
                        continuation.resume(
                            returning: Grant.refused(.cancelled(query: "waiting for a connection"))
                        )
                        return
                    }
                    waiters.append(Waiter(number: number, continuation: continuation))
                }
            } onCancel: {
                guard isCancellable else { return }
                // A waiter must leave the queue inside the actor, which this handler is not.
                Task { await self.refuse(number, .cancelled(query: "waiting for a connection")) }
            }
            group.cancelAll()
            return grant
        }
    }

    private func refuse(_ number: UInt64, _ error: PostgreSQLError) {
        guard let index = waiters.firstIndex(where: { $0.number == number }) else { return }
        waiters.remove(at: index).continuation.resume(returning: .refused(error))
    }

    private func release(_ connection: Connection) async {
        guard phase == .open, connection.isClean else {
            placeIsFree()
            return await connection.close()
        }
        if waiters.isEmpty {
            lent -= 1
            idle.append(connection)
        } else {
            waiters.removeFirst().continuation.resume(returning: .connection(connection))
        }
    }

    /// Gives the place of a session that is gone to the next in the queue.
    private func placeIsFree() {
        if waiters.isEmpty {
            lent -= 1
        } else {
            waiters.removeFirst().continuation.resume(returning: .mayOpen)
        }
    }
}
