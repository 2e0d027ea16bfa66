private let begin = Statement("begin", "BEGIN", isCancellable: false)
private let commit = Statement("commit", "COMMIT", isCancellable: false)
private let rollback = Statement("rollback", "ROLLBACK", isCancellable: false)

extension Connection {
    /// Runs `body` in one transaction, committed if it returns and rolled back if it throws.
    ///
    /// A body may commit with its last script, where what that script locks must not wait for another message.
    package nonisolated func transaction<Result: Sendable>(
        _ body: (Connection) async throws -> Result
    ) async throws -> Result {
        try await execute(begin)
        let result: Result
        do {
            result = try await body(self)
        } catch {
            // A lost connection rolls back by itself.
            _ = try? await execute(rollback)
            throw error
        }
        if !isClean { try await execute(commit) }
        return result
    }
}
