package import Delivery

/// An event, or a part of one, that is not tried again without a person.
package struct LaneDeadLetter: Equatable, Sendable {
    /// Where it came to its end.
    package enum Stage: Equatable, Sendable {
        /// It could not be read from the log.
        case read
        /// The transformation at this place, from 0.
        case transform(Int)
        /// The connector, before anything was sent.
        case connect
        case deliver

        package var name: String {
            switch self {
            case .read: "read"
            case .transform: "transform"
            case .connect: "connect"
            case .deliver: "deliver"
            }
        }
    }

    package let offset: Int64
    /// - Unit: microseconds since 1970.
    package let sliceTime: Int64
    /// Which part; nil when the event failed before it had parts.
    package let part: Int?
    package let userHash: UInt64
    package let stage: Stage
    /// A short word, bounded in number: `http_400`, `signal_segv`, the plugin's own.
    package let code: String
    /// A sentence for a person, with nothing of the event in it but what the plugin or the destination said.
    package let reason: String
    package let plugin: PluginLabel
    /// The event as it was accepted, in memory of its own; one for all letters of an event.
    ///
    /// - Shape: empty where it is not known, or the row of what was parked has it.
    package internal(set) var before: [UInt8]
    /// The part as it was when it failed, in memory of its own; nil when that is the event itself.
    package internal(set) var after: [UInt8]?
    /// The latest tries, with what the destination answered, without those that such a row has.
    package internal(set) var attempts: [Attempt]
    /// Tries before this stay that count.
    package var tried = 0

    /// What is to be stored of it, in bytes and about.
    var size: Int { before.count + (after?.count ?? 0) + reason.utf8.count + attempts.size }
}
