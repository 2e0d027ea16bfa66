/// Which dead letters somebody asks for; what is nil does not matter.
package struct DeadLetterFilter: Equatable, Sendable {
    /// Of these consumers; nil for all.
    package var consumers: [ConsumerID]?
    /// From this time on, and up to that one.
    /// - Unit: microseconds since 1970, UTC.
    package var from: Int64?
    package var until: Int64?
    package var stage: String?
    /// The reason's code.
    package var code: String?
    /// A plugin's id, of whatever version, or `id@version`.
    package var plugin: String?
    /// The key that events of one user share.
    package var user: String?
    package var messageID: String?
    package var isRequeued: Bool?

    package init() {}
}
