/// What somebody who listens learns.
package enum ListenEvent: Sendable, Equatable {
    /// Listening from now on; what was notified before may have been missed, so look once.
    case listening
    case notification(Notification)
}

/// Keeps one session listening for as long as its task runs, over every loss of the connection.
package struct Listener: Sendable {
    private let settings: ConnectionSettings
    private let channels: [String]

    /// The pause before a lost connection is made again.
    private static let pause = Duration.milliseconds(500)

    package init(_ settings: ConnectionSettings, channels: [String]) {
        self.settings = settings
        self.channels = channels
    }

    /// Calls `handle` for every event until the task is cancelled.
    package func run(_ handle: (ListenEvent) async -> Void) async {
        while !Task.isCancelled {
            if let connection = try? await Connection.open(settings) {
                if let stream = try? await connection.listen(channels) {
                    await handle(.listening)
                    for await notification in stream { await handle(.notification(notification)) }
                }
                await connection.close()
            }
            try? await Task.sleep(for: Self.pause)
        }
    }
}
