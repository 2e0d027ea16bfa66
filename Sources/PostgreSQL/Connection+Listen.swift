import CPostgreSQL

/// One NOTIFY that arrived.
package struct Notification: Sendable, Equatable {
    package let channel: String
    package let payload: String

    package init(channel: String, payload: String) {
        self.channel = channel
        self.payload = payload
    }
}

extension Connection {
    /// The most notifications that wait for a slow reader; older ones go first, since each only says "look again".
    private static let waitingNotifications = 1024

    /// Listens on the channels until the connection ends; then the stream ends too.
    ///
    /// Between notifications the thread sleeps in the kernel.
    package func listen(_ channels: [String]) async throws(PostgreSQLError) -> AsyncStream<Notification> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Notification.self,
            bufferingPolicy: .bufferingNewest(Self.waitingNotifications)
        )
        let names = channels.map { "LISTEN \"\($0.filter { $0 != "\"" })\"" }
        try await perform(Statement("listen", names.joined(separator: "; "))) {
            (link, statement, ticket) throws(PostgreSQLError) in
            link.listeners.append(continuation)
            _ = try link.runScript(statement, ticket: ticket)
        }
        watchWhenIdle()
        return stream
    }
}

extension Link {
    /// Hands the notifications that libpq has gathered to the listeners.
    func deliverNotifications() {
        while let pointer = unsafe PQnotifies(connection) {
            let notification = unsafe Notification(
                channel: String(cString: pointer.pointee.relname),
                payload: String(cString: pointer.pointee.extra)
            )
            unsafe PQfreemem(pointer)
            for listener in listeners { listener.yield(notification) }
        }
    }

    /// Lets a statement that ran once go from the server's memory.
    func forget(_ statement: Statement) {
        for (key, name) in prepared where key.name == statement.name {
            prepared[key] = nil
            _ = try? runScript(Statement("forget", "DEALLOCATE \"\(name)\""), ticket: nextTicket())
        }
    }
}
