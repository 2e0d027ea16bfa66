/// What is to be done about an error, and by whom: the one thing that retry logic reads.
package enum Disposition: Equatable, Sendable {
    /// Try again, not before this long.
    case retry(after: Duration)
    /// Set the event aside; a person decides.
    case bury
    /// Do not run this plugin version until a person says so.
    case quarantine
    /// Stop: an operator must act.
    case stop
}

/// An error that says what kind it is, who must act, and whether trying again can help.
package protocol ClassifiedError: Error, CustomStringConvertible {
    /// A short, bounded, lower-snake word: the only part that may become a metric label.
    var code: String { get }
    /// What is to be done.
    var disposition: Disposition { get }
}
