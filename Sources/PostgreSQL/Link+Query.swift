import CPostgreSQL
import Glibc

/// A statement is prepared once for each list of parameter types.
struct PreparedKey: Hashable {
    let name: String
    let types: [UInt32]
}

extension Link {
    /// Runs one prepared statement and returns its rows.
    func run(_ statement: Statement, _ parameters: [Parameter], ticket: UInt64) throws(PostgreSQLError) -> Rows {
        for (index, parameter) in parameters.enumerated() where parameter.hasZeroByte {
            throw .invalidParameter(query: statement.name, index: index)
        }
        let waiting = try begin(statement, ticket: ticket)
        defer { finish() }
        let name = try prepare(statement, parameters, waiting)
        let sent = unsafe withPointers(to: parameters) { values, lengths, formats in
            unsafe PQsendQueryPrepared(connection, name, Int32(parameters.count), values, lengths, formats, 1)
        }
        guard sent == 1 else { throw lost(statement.name) }
        return try gather(statement, waiting)
    }

    /// Runs a script of statements without parameters; the last result counts.
    func runScript(_ statement: Statement, ticket: UInt64) throws(PostgreSQLError) -> Rows {
        let waiting = try begin(statement, ticket: ticket)
        defer { finish() }
        // What has no name on the server shows it in a comment.
        guard unsafe PQsendQuery(connection, "/* \(statement.name) */ \(statement.sql)") == 1 else {
            throw lost(statement.name)
        }
        return try gather(statement, waiting)
    }

    func begin(_ statement: Statement, ticket: UInt64) throws(PostgreSQLError) -> Waiting {
        guard unsafe PQstatus(connection) == CONNECTION_OK else { throw lost(statement.name) }
        if statement.isCancellable, condition.isEnded(ticket) { throw .cancelled(query: statement.name) }
        warnings = 0
        return Waiting(name: statement.name, ticket: ticket, timeout: statement.timeout)
    }

    func finish() {
        deliverNotifications()
        publishCondition()
    }

    /// Prepares the statement if this connection has not yet, and gives its name on the server.
    private func prepare(
        _ statement: Statement,
        _ parameters: [Parameter],
        _ waiting: Waiting
    ) throws(PostgreSQLError) -> String {
        let key = PreparedKey(name: statement.name, types: parameters.map(\.typeOID))
        if let name = prepared[key] { return name }
        let name = "\(statement.name)_\(prepared.count)"
        let sent = unsafe PQsendPrepare(connection, name, statement.sql, Int32(key.types.count), key.types)
        guard sent == 1 else { throw lost(statement.name) }
        _ = try gather(statement, waiting)
        prepared[key] = name
        return name
    }

    /// Sends, waits for all results of one message, and gives the last or throws the first error.
    func gather(_ statement: Statement, _ waiting: Waiting) throws(PostgreSQLError) -> Rows {
        try flush(waiting)
        var last: ResultHandle?
        var failure: PostgreSQLError?
        while let result = try nextResult(waiting) {
            if let error = result.error(of: statement.name) {
                failure = failure ?? error
            } else {
                last = result
            }
            if result.isCopy { break }
        }
        if let failure { throw translate(failure, waiting) }
        // It was done, but not as safely as was asked for: as good as an answer that was lost.
        if statement.refusesWarnings, warnings > 0 { throw lost(statement.name) }
        guard let last else { throw lost(statement.name) }
        return Rows(last, query: statement.name)
    }

    /// What the caller is told: our own reason for ending a statement counts more than the server's word for it.
    private func translate(_ failure: PostgreSQLError, _ waiting: Waiting) -> PostgreSQLError {
        guard unsafe PQstatus(connection) == CONNECTION_OK else { return lost(waiting.name) }
        guard case .server(let error) = failure else { return failure }
        if error.sqlState == "57014" { return waiting.endedBecause ?? .timedOut(query: waiting.name) }
        // A plan that outlived its table, or a name the server forgot: only a fresh session helps.
        if error.sqlState == "26000" || error.message?.hasPrefix("cached plan") == true { prepared.removeAll() }
        return failure
    }

    /// Gives libpq one pointer per parameter: into a buffer of encoded small values, or to the bytes themselves.
    private func withPointers<Result>(
        to parameters: [Parameter],
        _ body: (
            UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        var scratch: [UInt8] = []
        var places: [Range<Int>] = []
        for parameter in parameters {
            let start = scratch.count
            parameter.encode(into: &scratch)
            places.append(start..<scratch.count)
        }
        let formats = parameters.map { $0.isText ? 0 : 1 as Int32 }
        var values = unsafe [UnsafePointer<CChar>?](repeating: nil, count: parameters.count)
        var lengths = [Int32](repeating: 0, count: parameters.count)
        // Zero-length values still need a pointer: null would mean NULL.
        scratch.append(0)

        func fill(_ index: Int) -> Result {
            guard index < parameters.count else { return unsafe body(values, lengths, formats) }
            switch parameters[index] {
            case .null: break
            case .bytes(let bytes), .encoded(let bytes, _):
                if !bytes.isEmpty {
                    return unsafe bytes.withUnsafeBufferPointer { buffer in
                        lengths[index] = Int32(buffer.count)
                        unsafe buffer.baseAddress?.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                            unsafe values[index] = unsafe $0
                        }
                        return fill(index + 1)
                    }
                }
                fallthrough
            default: lengths[index] = Int32(places[index].count)
            }
            return fill(index + 1)
        }

        return unsafe scratch.withUnsafeBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { text in
                for (index, parameter) in parameters.enumerated() {
                    if case .null = parameter { continue }
                    unsafe values[index] = unsafe text.baseAddress.map { unsafe $0 + places[index].lowerBound }
                }
                return fill(0)
            }
        }
    }

    /// Counts the server's warnings instead of printing them.
    func countWarnings() {
        let owner = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe PQsetNoticeReceiver(
            connection,
            { owner, result in
                guard let owner = unsafe owner, let result = unsafe result else { return }
                guard let severity = unsafe PQresultErrorField(result, Int32(UnicodeScalar("V").value)) else { return }
                guard unsafe strcmp(severity, "WARNING") == 0 else { return }
                unsafe Unmanaged<Link>.fromOpaque(owner).takeUnretainedValue().warnings += 1
            },
            owner
        )
    }
}
