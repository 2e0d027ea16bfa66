import Glibc

/// One session with PostgreSQL, on a thread of its own.
///
/// One caller at a time uses it: the pool hands it out whole. Everything that blocks happens on its thread, which is
/// also this actor's executor, so no call here ever occupies the cooperative pool.
///
/// - Owner: the pool, or whoever opened it, who also calls `close()`.
package actor Connection {
    private nonisolated let thread: ConnectionThread
    private nonisolated let condition: LinkCondition
    private let settings: ConnectionSettings
    private var link: Link?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

    /// Opens a session.
    /// - Throws: `invalidAddress`, or `connectionFailed` (try again later).
    package static func open(_ settings: ConnectionSettings) async throws(PostgreSQLError) -> Connection {
        let connection = Connection(settings)
        do throws(PostgreSQLError) {
            try await connection.connect()
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    private init(_ settings: ConnectionSettings) {
        self.settings = settings
        thread = ConnectionThread()
        condition = LinkCondition()
        thread.start()
    }

    deinit { thread.stop() }

    /// Whether the session can serve another caller: it stands, and no transaction is open.
    package nonisolated var isClean: Bool { condition.value == .usable }

    /// Runs one statement with parameters; prepared on first use.
    package func query(
        _ statement: Statement,
        _ parameters: [Parameter] = []
    ) async throws(PostgreSQLError) -> Rows {
        try await perform(statement) { (link, statement, ticket) throws(PostgreSQLError) in
            try link.run(statement, parameters, ticket: ticket)
        }
    }

    /// Runs one statement that is too rare to deserve a name of its own.
    package func query(_ sql: String, _ parameters: [Parameter] = []) async throws(PostgreSQLError) -> Rows {
        // The text is the name inside this session only; errors call it a query.
        try await perform(Statement("query", sql)) { (link, statement, ticket) throws(PostgreSQLError) in
            defer { link.forget(statement) }
            return try link.run(statement, parameters, ticket: ticket)
        }
    }

    /// Runs a script of statements without parameters.
    @discardableResult
    package func execute(_ script: Statement) async throws(PostgreSQLError) -> Rows {
        try await perform(script) { (link, statement, ticket) throws(PostgreSQLError) in
            try link.runScript(statement, ticket: ticket)
        }
    }

    /// Runs a script of statements without parameters.
    @discardableResult
    package func execute(_ sql: String) async throws(PostgreSQLError) -> Rows {
        try await execute(Statement("script", sql))
    }

    /// Ends the session.
    ///
    /// Later calls throw `connectionLost`.
    package func close() {
        thread.watchWhenIdle(nil)
        link?.giveUp()
        link = nil
        condition.value = .broken
    }

    private func connect() throws(PostgreSQLError) {
        let opened = try Link.open(settings, bell: thread.bell, condition: condition)
        opened.publishCondition()
        link = opened
    }

    /// Runs `body` on this thread so that the asking task's end ends the statement, if the statement allows it.
    func perform<Result: Sendable>(
        _ statement: Statement,
        _ body: (Link, Statement, UInt64) throws(PostgreSQLError) -> Result
    ) async throws(PostgreSQLError) -> Result {
        let statement = statement.timeout == nil ? statement.with(timeout: settings.statementTimeout) : statement
        guard let link else { throw .connectionLost(query: statement.name) }
        let ticket = link.nextTicket()
        guard statement.isCancellable else { return try attempt(body, link, statement, ticket).get() }
        let condition = condition
        let bell = thread.bell
        let outcome = await withTaskCancellationHandler {
            self.attempt(body, link, statement, ticket)
        } onCancel: {
            condition.end(ticket)
            bell.ring()
        }
        return try outcome.get()
    }

    /// Runs `body` here and nowhere else.
    ///
    /// A closure belongs to the actor only if it names `self`; one that did not would block the cooperative pool.
    private func attempt<Result>(
        _ body: (Link, Statement, UInt64) throws(PostgreSQLError) -> Result,
        _ link: Link,
        _ statement: Statement,
        _ ticket: UInt64
    ) -> Swift.Result<Result, PostgreSQLError> {
        thread.assertIsCurrent()
        do throws(PostgreSQLError) {
            return .success(try body(link, statement, ticket))
        } catch {
            return .failure(error)
        }
    }

    /// Lets the thread read notifications between calls.
    func watchWhenIdle() { thread.watchWhenIdle(link) }
}

extension Statement {
    func with(timeout: Duration?) -> Statement {
        Statement(name, sql, isCancellable: isCancellable, timeout: timeout, refusesWarnings: refusesWarnings)
    }
}
