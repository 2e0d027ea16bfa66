/// What differs between two JSON texts: places, and what stands there before and after.
///
/// Objects are compared by their members whatever their order, arrays place by place, and numbers by their text, so that
/// a number that was printed anew is seen.
///
/// - Shape: in the order of the old text, what was added behind the rest of its container; at most as many entries as
///   the caller allows.
package struct JSONDiff: Equatable, Sendable {
    /// What became of one place.
    package enum Change: Equatable, Sendable {
        /// There was nothing; now there is this JSON text.
        case added([UInt8])
        /// This JSON text is gone.
        case removed([UInt8])
        case changed(from: [UInt8], to: [UInt8])
    }

    /// One place that differs.
    package struct Entry: Equatable, Sendable {
        /// - Shape: a JSON pointer; empty for the whole text.
        /// - Source: RFC 6901.
        package let pointer: String
        package let change: Change
    }

    package private(set) var entries: [Entry] = []
    /// Differences beyond the limit.
    package private(set) var more = 0
    private let limit: Int

    /// The most differences that are told unless the caller says otherwise.
    package static let mostEntries = 500

    package var isEmpty: Bool { entries.isEmpty && more == 0 }

    /// Compares two texts.
    ///
    /// - Throws: what is wrong with the first text that is no JSON.
    package init(
        from old: ArraySlice<UInt8>,
        to new: ArraySlice<UInt8>,
        limit: Int = mostEntries,
        limits: JSONLimits = .request
    ) throws(JSONError) {
        self.limit = limit
        var before = JSONTape(limits: limits)
        var after = JSONTape(limits: limits)
        try before.parse(old)
        try after.parse(new)
        compare(before, before.root, after, after.root, at: "")
    }

    private mutating func add(_ pointer: String, _ change: @autoclosure () -> Change) {
        if entries.count < limit {
            entries.append(Entry(pointer: pointer, change: change()))
        } else {
            more += 1
        }
    }

    private mutating func compare(
        _ before: JSONTape,
        _ old: JSONNode,
        _ after: JSONTape,
        _ new: JSONNode,
        at pointer: String
    ) {
        switch (before.kind(old), after.kind(new)) {
        case (.object, .object): compareMembers(before, old, after, new, at: pointer)
        case (.array, .array): compareElements(before, old, after, new, at: pointer)
        case let (first, second):
            if first == second, Self.isSame(before, old, after, new, kind: first) { return }
            add(pointer, .changed(from: Array(before.written(old)), to: Array(after.written(new))))
        }
    }

    private mutating func compareElements(
        _ before: JSONTape,
        _ old: JSONNode,
        _ after: JSONTape,
        _ new: JSONNode,
        at pointer: String
    ) {
        var olds = before.elements(of: old)
        var news = after.elements(of: new)
        var index = 0
        while true {
            let place = "\(pointer)/\(index)"
            switch (olds.next(), news.next()) {
            case (nil, nil): return
            case (let first?, let second?): compare(before, first, after, second, at: place)
            case (let first?, nil): add(place, .removed(Array(before.written(first))))
            case (nil, let second?): add(place, .added(Array(after.written(second))))
            }
            index += 1
        }
    }

    private mutating func compareMembers(
        _ before: JSONTape,
        _ old: JSONNode,
        _ after: JSONTape,
        _ new: JSONNode,
        at pointer: String
    ) {
        let olds = Self.members(before, old)
        let news = Self.members(after, new)
        for key in olds.order {
            guard let first = olds.values[key] else { continue }
            let place = Self.pointer(pointer, key)
            if let second = news.values[key] {
                compare(before, first, after, second, at: place)
            } else {
                add(place, .removed(Array(before.written(first))))
            }
        }
        for key in news.order where olds.values[key] == nil {
            guard let second = news.values[key] else { continue }
            add(Self.pointer(pointer, key), .added(Array(after.written(second))))
        }
    }

    /// The members of an object by name, each once: where a name stands twice the last one counts.
    private static func members(
        _ tape: JSONTape,
        _ object: JSONNode
    ) -> (order: [[UInt8]], values: [[UInt8]: JSONNode]) {
        var order: [[UInt8]] = []
        var values: [[UInt8]: JSONNode] = [:]
        for member in tape.members(of: object) {
            var name: [UInt8] = []
            tape.unescape(member.key, into: &name)
            if values.updateValue(member.value, forKey: name) == nil { order.append(name) }
        }
        return (order, values)
    }

    private static func isSame(
        _ before: JSONTape,
        _ old: JSONNode,
        _ after: JSONTape,
        _ new: JSONNode,
        kind: JSONKind
    ) -> Bool {
        guard kind == .string else { return before.written(old) == after.written(new) }
        // By their bytes: texts that only look the same are not.
        var first: [UInt8] = []
        var second: [UInt8] = []
        before.unescape(old, into: &first)
        after.unescape(new, into: &second)
        return first == second
    }

    private static func pointer(_ parent: String, _ name: [UInt8]) -> String {
        var text = parent + "/"
        for scalar in String(decoding: name, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
