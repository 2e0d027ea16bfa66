import CPostgreSQL
import Glibc

extension Connection {
    /// Sends rows by `COPY … FROM STDIN`; `next` gives pieces of the stream in the statement's format until nil.
    ///
    /// If `next` throws, the copy is abandoned and nothing of it stays.
    ///
    /// - Returns: how many rows were stored.
    @discardableResult
    package nonisolated func copyIn(
        _ statement: Statement,
        next: () async throws -> [UInt8]?
    ) async throws -> Int {
        try await startCopy(statement)
        do {
            while let piece = try await next() { try await putCopy(statement, piece) }
        } catch {
            _ = try? await endCopy(statement, abandonedBecause: "the sender gave up")
            throw error
        }
        return try await endCopy(statement, abandonedBecause: nil)
    }

    private func startCopy(_ statement: Statement) async throws(PostgreSQLError) {
        _ = try await execute(statement)
    }

    private func putCopy(_ statement: Statement, _ piece: [UInt8]) async throws(PostgreSQLError) {
        try await perform(statement) { (link, statement, ticket) throws(PostgreSQLError) in
            try link.putCopy(statement, piece, ticket: ticket)
        }
    }

    private func endCopy(
        _ statement: Statement,
        abandonedBecause reason: String?
    ) async throws(PostgreSQLError) -> Int {
        try await perform(statement) { (link, statement, ticket) throws(PostgreSQLError) in
            try link.endCopy(statement, abandonedBecause: reason, ticket: ticket).affected
        }
    }
}

extension Link {
    func putCopy(_ statement: Statement, _ piece: [UInt8], ticket: UInt64) throws(PostgreSQLError) {
        let waiting = try begin(statement, ticket: ticket)
        while true {
            let sent = unsafe piece.withUnsafeBytes { bytes in
                unsafe PQputCopyData(
                    connection,
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    Int32(bytes.count)
                )
            }
            switch sent {
            case 1: return try flush(waiting)
            case 0: try flush(waiting)
            default: throw lost(statement.name)
            }
        }
    }

    func endCopy(
        _ statement: Statement,
        abandonedBecause reason: String?,
        ticket: UInt64
    ) throws(PostgreSQLError) -> Rows {
        let waiting = try begin(statement, ticket: ticket)
        defer { finish() }
        while true {
            switch unsafe PQputCopyEnd(connection, reason) {
            case 1: return try gather(statement, waiting)
            case 0: try flush(waiting)
            default: throw lost(statement.name)
            }
        }
    }
}
