package import EventModel
import PostgreSQL

/// What people make of dead letters; what was kept of them stays as it is.
extension EventLog {
    private static let edit = Statement(
        "dead_letter_edit",
        "SELECT leat.edit_letter($1, $2, $3, $4, $5, $6, $7, $8)",
        isCancellable: false,
        timeout: peopleTimeout
    )

    /// Keeps another event for the next time that a dead letter is taken up, or, with nil, forgets what was kept.
    ///
    /// Notes who did it. False when the dead letter is not there any more.
    package func editLetter(
        _ id: DeadLetterID,
        _ event: [UInt8]?,
        by who: String
    ) async throws(EventLogError) -> Bool {
        let deed = event == nil ? "undid the edits of" : "edited"
        return try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.edit,
                [
                    .int8(id.partition.rawValue), .int8(id.consumer.rawValue), .timestamp(id.at), .int8(id.offset),
                    .int4(Int32(id.part ?? -1)), event.map { .bytes($0) } ?? .null, .text(who),
                    .text("\(deed) dead letter \(id)"),
                ]
            )
            return try rows.first?.bool(0) ?? false
        }
    }
}
