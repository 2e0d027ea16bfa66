import CPostgreSQL

/// Owns one result of libpq, which never changes once it is complete.
@safe final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }
    deinit { unsafe PQclear(pointer) }

    var isCopy: Bool {
        let status = unsafe PQresultStatus(pointer)
        return status == PGRES_COPY_IN || status == PGRES_COPY_OUT
    }

    /// The error that the result reports, if it does.
    func error(of query: String) -> PostgreSQLError? {
        let status = unsafe PQresultStatus(pointer)
        let isFine = [PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_COPY_IN].contains { $0 == status }
        guard !isFine else { return nil }
        return .server(
            ServerError(
                sqlState: field("C") ?? "08006",
                severity: field("V") ?? "ERROR",
                query: query,
                message: field("M"),
                constraint: field("n")
            )
        )
    }

    /// - Source: `postgres_ext.h`, the `PG_DIAG_…` letters.
    private func field(_ letter: UnicodeScalar) -> String? {
        guard let text = unsafe PQresultErrorField(pointer, Int32(letter.value)) else { return nil }
        return unsafe String(cString: text)
    }
}

/// The rows that a statement returned, kept in libpq's own memory until the last copy of this value goes.
package struct Rows: RandomAccessCollection, Sendable {
    let result: ResultHandle
    let query: String
    package let count: Int

    init(_ result: ResultHandle, query: String) {
        self.result = result
        self.query = query
        count = unsafe Int(PQntuples(result.pointer))
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { count }
    package subscript(index: Int) -> Row {
        precondition(indices.contains(index), "row outside the result")
        return Row(result: result, query: query, index: Int32(index))
    }

    /// How many rows an INSERT, UPDATE or DELETE touched; 0 for other statements.
    package var affected: Int {
        guard let text = unsafe PQcmdTuples(result.pointer) else { return 0 }
        return unsafe Int(String(cString: text)) ?? 0
    }
}
