import PostgreSQL
import Synchronization

/// Words about the pace of destinations, from node to node over the connection that hears of changes anyway.
extension Catalog {
    private static let notify = Statement("pace_notify", "SELECT pg_notify($1, $2)")
    /// Notes that wait for a slow reader, the latest.
    private static let waitingNotes = 256

    /// Tells every node that listens; those that do not, never hear of it.
    package func tell(paceNote text: String) async throws(CatalogError) {
        do throws(PostgreSQLError) {
            _ = try await pool.query(Self.notify, [.text(Self.paceChannel), .text(text)])
        } catch {
            throw .database(error)
        }
    }

    /// What nodes tell from now on, this one included; there is one such stream at a time.
    package func paceNotes() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: String.self,
            bufferingPolicy: .bufferingNewest(Self.waitingNotes)
        )
        state.withLock { state in
            state.paceNotes?.finish()
            state.paceNotes = continuation
        }
        return stream
    }
}
