/// The bounds that hold for every event, wherever it is.
package enum Limits {
    /// The longest event that is accepted, in bytes of its JSON text.
    package static let eventBytes = 32 * 1024
    /// The longest request body, as sent and again as inflated, in bytes.
    package static let requestBytes = 4 * 1024 * 1024
    /// How deeply objects and arrays may nest in an event.
    package static let nestingDepth = 64
    /// The most parts that one event may become in one transformation.
    package static let fanOut = 100
}
