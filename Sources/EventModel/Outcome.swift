/// Where an event, or a part of one, ended for one consumer.
package enum Outcome: String, Sendable, CaseIterable {
    case delivered
    case retrying
    case filtered
    case dropped
    case deadLettered = "dead-lettered"
    case expired
}
