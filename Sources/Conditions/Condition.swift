package import EventJSON

/// A question about one event that is answered with yes or no: `event == "Order Completed" && properties.total > 100`.
///
/// Parsed once and then asked of any number of events. Values are compared as JSON has them: numbers exactly, however
/// long they are; texts byte by byte once their escapes are resolved, so case matters; nothing is converted. A path that
/// leads to nothing makes every comparison false and `!=` true, and so does a value of another kind.
///
/// - Shape: a flat program and the bytes of its names and values; asking allocates nothing.
package struct Condition: Sendable, Hashable, CustomStringConvertible {
    /// The condition as it was written.
    package let text: String
    let program: Program

    /// Reads a condition.
    ///
    /// - Throws: where it is wrong, what stands there and what could; a person must write it differently.
    package init(parsing text: String) throws(ConditionError) {
        program = try ConditionParser.parse(text)
        self.text = text
    }

    package var description: String { text }

    /// Whether the condition holds for `event`, an object of `tape`.
    package func holds(for event: JSONNode, in tape: JSONTape) -> Bool {
        program.holds(for: event, in: tape)
    }

    /// Whether the condition holds for the event that `tape` was given.
    package func holds(in tape: JSONTape) -> Bool { holds(for: tape.root, in: tape) }

    /// Whether the condition holds for the event whose JSON text is `json`; it does for no text that is not JSON.
    ///
    /// The tape is kept by the caller for the next event.
    package func holds(for json: ArraySlice<UInt8>, using tape: inout JSONTape) -> Bool {
        guard (try? tape.parse(json)) != nil else { return false }
        return holds(in: tape)
    }

    package static func == (left: Self, right: Self) -> Bool { left.text == right.text }
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// The longest condition, in bytes.
    package static let maximumBytes = 4096
    /// How deeply parentheses and `!` may nest.
    package static let maximumDepth = 32
}
