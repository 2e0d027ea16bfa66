/// Which of a source's events a connection wants.
///
/// Judged upon the event as it was accepted, before any transformation. What is set must all be met; where several refuse
/// an event, the first in the order of ``Exclusion`` is the reason.
package struct Selection: Sendable, Hashable {
    package let sample: SampleRate?
    package let filter: Condition?
    package let consent: ConsentRule?

    package init(filter: Condition? = nil, sample: SampleRate? = nil, consent: ConsentRule? = nil) {
        self.filter = filter
        self.sample = sample
        self.consent = consent
    }

    /// Every event.
    package static let everything = Selection()
}

/// Why a connection does not want an event.
package enum Exclusion: String, Sendable, CaseIterable {
    /// Its user is not among the chosen ones.
    case sample
    /// The filter does not hold.
    case filter
    /// Its user has not consented.
    case consent
    /// It is not among what a replay sends.
    case replay
}
