import NIOCore

/// What an operator may set about ingestion.
package struct IngestionSettings: Equatable, Sendable {
    /// The bounds between requests and the log.
    package var queue = AppendQueueSettings()
    /// Take the sender's address from `X-Forwarded-For`; only behind a proxy that sets it, because anybody can write it.
    package var trustsForwardedFor = false
    /// How long a connection may be silent, and how long a request's head may take.
    package var idleTimeout = Duration.seconds(75)
    /// How long the body of a request may take.
    package var bodyTimeout = Duration.seconds(30)
    /// How long nothing of an answer need be taken before its connection is closed.
    package var answerTimeout = Duration.seconds(30)

    package init() {}

    var guarding: ConnectionGuardSettings {
        ConnectionGuardSettings(bodyDeadline: TimeAmount(bodyTimeout), answerPatience: TimeAmount(answerTimeout))
    }
}
