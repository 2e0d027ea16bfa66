/// Who may have dead letters: a connection, removed ones included, or a replay to one.
package struct LetterConsumer: Equatable, Sendable {
    package let id: ConsumerID
    /// The connection that it is, or that it sends to.
    package let connection: ConsumerID
    package let source: String
    package let destination: String
    /// Whether the connection was removed.
    package let isRemoved: Bool

    /// `connection` is left out for a connection itself.
    package init(
        id: ConsumerID,
        connection: ConsumerID? = nil,
        source: String,
        destination: String,
        isRemoved: Bool
    ) {
        self.id = id
        self.connection = connection ?? id
        self.source = source
        self.destination = destination
        self.isRemoved = isRemoved
    }

    /// As people name its connection: `source/destination`.
    package var name: String { "\(source)/\(destination)" }

    /// The replay that it is; nil for a connection.
    package var replay: ConsumerID? { id == connection ? nil : id }
}
