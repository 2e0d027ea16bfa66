/// Changes to a parsed text, and the text they make of it.
///
/// Changes take effect in the order in which they are made: each one sees what the earlier ones have left. What they do
/// not touch is copied byte for byte; numbers are never printed again, and duplicate keys stay. The changes of several
/// values of one tape, such as the events of a batch, may be collected together.
///
/// ```swift
/// edits.removeAll()
/// try edits.set("context.ip", of: event, in: tape, to: .string(address))
/// try edits.remove("properties.password", of: event, in: tape)
/// edits.write(event, of: tape, into: &output)
/// ```
///
/// - Owner: one at a time. Kept and emptied for the next text, it stops allocating.
/// - Valid: for the text that its tape holds; call `removeAll()` before the tape parses again.
package struct JSONEdits: Sendable {
    /// Sorted by position; appended ones of the same container in the order in which they were made.
    var changes: [Change] = []
    /// What the changes put in, and what earlier ones put in that is no longer used.
    var inserted: [UInt8] = []
    /// At how many bytes of `inserted` to look for what is no longer used.
    private var crowded = Self.leastCrowded

    private static let leastCrowded = 16 * 1024

    package init() {}

    /// Whether nothing is changed.
    package var isEmpty: Bool { changes.isEmpty }

    /// Forgets all changes and keeps the memory.
    package mutating func removeAll() {
        changes.removeAll(keepingCapacity: true)
        inserted.removeAll(keepingCapacity: true)
        crowded = Self.leastCrowded
    }

    /// Makes `value` the value at `path`.
    ///
    /// Objects that are missing on the way, or are null, come into being; `[0]` on a missing value makes an array, and an
    /// index one past the end appends. Of a name that stands twice the last one is changed, the one that readers see.
    ///
    /// - Throws: `notAContainer` when the path leads through a scalar, `noSuchPlace` when it asks an object for an index,
    ///   an array for a name, or an array for an element too far. Nothing is changed then.
    package mutating func set(
        _ path: JSONPath,
        of node: JSONNode,
        in tape: JSONTape,
        to value: JSONValue
    ) throws(JSONError) {
        _ = try apply(.set(value), at: path.text.utf8.span, of: node, in: tape)
    }

    /// Makes `value` the last element of the array at `path`, which comes into being if it is missing or null.
    ///
    /// - Throws: as `set`, and `notAContainer` when there is something else than an array.
    package mutating func append(
        _ value: JSONValue,
        to path: JSONPath,
        of node: JSONNode,
        in tape: JSONTape
    ) throws(JSONError) {
        _ = try apply(.append(value), at: path.text.utf8.span, of: node, in: tape)
    }

    /// Removes the member or element at `path`, and all members of the same name; returns whether there was one.
    ///
    /// - Throws: `noSuchPlace` for the empty path; otherwise as `set`.
    @discardableResult
    package mutating func remove(
        _ path: JSONPath,
        of node: JSONNode,
        in tape: JSONTape
    ) throws(JSONError) -> Bool {
        try apply(.remove, at: path.text.utf8.span, of: node, in: tape)
    }

    /// Gives the member at `path` another name and leaves it in its place; returns whether there was one.
    ///
    /// Other members of the old and of the new name are removed, so that readers find what had the old name under the
    /// new one, and nothing under the old.
    ///
    /// - Throws: `noSuchPlace` for the empty path and for an element of an array; otherwise as `set`.
    @discardableResult
    package mutating func rename(
        _ path: JSONPath,
        to name: String,
        of node: JSONNode,
        in tape: JSONTape
    ) throws(JSONError) -> Bool {
        try apply(.rename(name), at: path.text.utf8.span, of: node, in: tape)
    }
}

extension JSONEdits {
    /// What is to be done at the end of a path.
    enum Operation {
        case set(JSONValue)
        case append(JSONValue)
        case remove
        case rename(String)

        /// Whether it makes what is missing on its way.
        var creates: Bool {
            switch self {
            case .set, .append: true
            case .remove, .rename: false
            }
        }
    }

    /// One change at one place of the tape.
    struct Change {
        enum Verb {
            /// Puts the text in the place of the value at `position`.
            case replace
            /// Puts the text in the place of the key at `position`.
            case rename
            /// Removes the member whose key, or the element that, is at `position`.
            case remove
            /// Puts the text, which begins with a comma, before the end at `position` of a container.
            case append
        }

        var position: Int
        var verb: Verb
        /// The container that loses a member or element; its own place is known to no other verb.
        var container = 0
        /// What is put in.
        var text: Range<Int>
        /// Where in it the value begins; the key of an appended member stands between the comma and the colon before it.
        var valueStart = 0

        var value: Range<Int> { valueStart..<text.upperBound }
    }

    /// The first change whose position is not below `position`.
    func firstChange(from position: Int) -> Int {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The change at `position`, which is not the end of a container: there can be only one.
    func change(at position: Int) -> Int? {
        let index = firstChange(from: position)
        return index < changes.count && changes[index].position == position ? index : nil
    }

    /// Keeps what is no longer used from outgrowing what is.
    ///
    /// To be called when nobody holds a range of `inserted`.
    mutating func tidy() {
        guard inserted.count > crowded else { return }
        let used = changes.reduce(0) { $0 + $1.text.count }
        if used * 2 < inserted.count {
            var tidied: [UInt8] = []
            tidied.reserveCapacity(used * 2)
            for index in changes.indices {
                let text = changes[index].text
                let moved = tidied.count - text.lowerBound
                tidied.append(inserted.span.extracting(text))
                changes[index].text = text.lowerBound + moved..<text.upperBound + moved
                changes[index].valueStart += moved
            }
            inserted = tidied
        }
        crowded = max(Self.leastCrowded, inserted.count * 2)
    }

    mutating func insert(_ change: Change) {
        changes.insert(change, at: firstChange(from: change.position + 1))
    }

    /// Drops what was changed inside `places`, because all of it goes.
    mutating func forget(_ places: Range<Int>) {
        guard !changes.isEmpty else { return }
        let first = firstChange(from: places.lowerBound)
        let last = firstChange(from: places.upperBound)
        if first < last { changes.removeSubrange(first..<last) }
    }
}
