import EventModel

/// How long and how deep a text may be.
package struct JSONLimits: Equatable, Sendable {
    /// The longest text, in bytes.
    package let bytes: Int
    /// How deeply objects and arrays may nest; `[]` has depth 1.
    package let depth: Int

    /// The longest text that a tape can describe: an entry keeps a length in 28 bits.
    package static let tapeBytes = 1 << 28 - 1

    package init(bytes: Int, depth: Int) {
        self.bytes = min(bytes, Self.tapeBytes)
        self.depth = depth
    }

    /// One event.
    package static let event = JSONLimits(bytes: Limits.eventBytes, depth: Limits.nestingDepth)
    /// One request's body: events inside the array of an object.
    package static let request = JSONLimits(bytes: Limits.requestBytes, depth: Limits.nestingDepth + 2)
}
