/// Finding what a step leads to, as earlier changes have left it.
extension JSONEdits {
    /// Where `step` leads from the container at `container`.
    func locate(
        _ step: JSONPath.Step,
        in container: Int,
        _ path: Span<UInt8>,
        _ tape: JSONTape
    ) throws(JSONError) -> Place {
        let entry = tape.entries[container]
        switch (entry.tag, step) {
        case (.object, .plain(let range)): return member(path.extracting(range), of: container, tape)
        case (.object, .escaped(let name)): return member(name.span, of: container, tape)
        case (.array, .index(let index)): return element(index, of: container, tape)
        case (.array, _), (.object, _): throw JSONError(.noSuchPlace, at: entry.start)
        default: throw JSONError(.notAContainer, at: entry.start)
        }
    }

    /// The last member named `name`.
    func member(_ name: Span<UInt8>, of container: Int, _ tape: JSONTape) -> Place {
        let end = tape.behind(container) - 1
        for index in appended(to: end).reversed() where hasName(name, changes[index]) {
            return .inserted(change: index, member: nil)
        }
        var found: Int?
        var start = container + 1
        while let member = nextMember(name, from: start, before: end, tape) {
            found = member
            start = tape.behind(member + 1)
        }
        guard let found else { return .missing }
        return place(member: found, value: found + 1)
    }

    /// The first member of the text named `name` from `start` on, in the object that ends at `end`.
    func nextMember(_ name: Span<UInt8>, from start: Int, before end: Int, _ tape: JSONTape) -> Int? {
        var next = firstChange(from: start)
        var position = start
        while position < end {
            while next < changes.count, changes[next].position < position { next += 1 }
            let isMatch =
                if next < changes.count, changes[next].position == position {
                    changes[next].verb == .rename && hasName(name, changes[next])
                } else {
                    tape.isString(tape.entries[position], equalTo: name)
                }
            if isMatch { return position }
            position = tape.behind(position + 1)
        }
        return nil
    }

    /// The element at `index`, counting those that are left and those that were appended.
    private func element(_ index: Int, of container: Int, _ tape: JSONTape) -> Place {
        let end = tape.behind(container) - 1
        var rest = index
        var position = container + 1
        while position < end {
            if !isRemoved(position) {
                if rest == 0 { return place(member: position, value: position) }
                rest -= 1
            }
            position = tape.behind(position)
        }
        let more = appended(to: end)
        return rest < more.count ? .inserted(change: more.lowerBound + rest, member: nil) : .missing
    }

    /// How many elements the array at `container` has by now.
    func count(of container: Int, _ tape: JSONTape) -> Int {
        let end = tape.behind(container) - 1
        var count = appended(to: end).count
        var position = container + 1
        while position < end {
            if !isRemoved(position) { count += 1 }
            position = tape.behind(position)
        }
        return count
    }

    private func place(member: Int, value: Int) -> Place {
        guard let change = change(at: value) else { return .original(member: member, value: value) }
        return .inserted(change: change, member: member)
    }

    /// The changes that append to the container that ends at `end`.
    func appended(to end: Int) -> Range<Int> {
        let first = firstChange(from: end)
        var last = first
        while last < changes.count, changes[last].position == end { last += 1 }
        return first..<last
    }

    /// Whether the member or element at `position` is removed.
    func isRemoved(_ position: Int) -> Bool {
        change(at: position).map { changes[$0].verb == .remove } ?? false
    }

    /// Whether the key that `change` puts in is `name`.
    func hasName(_ name: Span<UInt8>, _ change: Change) -> Bool {
        let quoted = change.verb == .append ? change.text.lowerBound + 1..<change.valueStart - 1 : change.text
        guard quoted.count >= 2 else { return false }
        return JSONString.matches(inserted.span.extracting(quoted.lowerBound + 1..<quoted.upperBound - 1), name)
    }
}
