/// What the log still has of the events of some dead letters.
package struct LoggedEvents: Equatable, Sendable {
    /// Those whose events it holds.
    package var held: Set<DeadLetterID> = []
    /// Of these, the events that were not kept with their dead letters.
    package var bodies: [DeadLetterID: [UInt8]] = [:]

    package init() {}
}
