/// Making one change.
extension JSONEdits {
    /// Writes what `operation` puts where the rest of the path begins: its value, inside the containers that the steps
    /// still to come ask for.
    ///
    /// - Throws: `noSuchPlace` when a missing array is asked for more than its first element.
    mutating func write(
        _ reader: JSONPath.Reader,
        _ operation: Operation,
        _ path: Span<UInt8>,
        _ tape: JSONTape
    ) throws(JSONError) -> Range<Int> {
        let start = inserted.count
        var reader = reader
        var closing: [UInt8] = []
        while let step = reader.next(in: path) {
            switch step {
            case .index(let index):
                guard index == 0 else {
                    inserted.removeSubrange(start...)
                    throw JSONError(.noSuchPlace, at: 0)
                }
                inserted.append(Byte.openBracket)
                closing.append(Byte.closeBracket)
            case .plain, .escaped:
                inserted.append(Byte.openBrace)
                writeName(step, path)
                closing.append(Byte.closeBrace)
            }
        }
        switch operation {
        case .set(let value):
            inserted.appendJSON(value, in: tape)
        case .append(let value):
            inserted.append(Byte.openBracket)
            inserted.appendJSON(value, in: tape)
            inserted.append(Byte.closeBracket)
        case .remove, .rename:
            break
        }
        inserted.append(contentsOf: closing.reversed())
        return start..<inserted.count
    }

    /// Writes the name of `step` and a colon; nothing for an index.
    private mutating func writeName(_ step: JSONPath.Step, _ path: Span<UInt8>) {
        switch step {
        case .plain(let range): JSONString.write(path.extracting(range), into: &inserted)
        case .escaped(let name): JSONString.write(name.span, into: &inserted)
        case .index: return
        }
        inserted.append(Byte.colon)
    }

    /// Appends a member or an element to the container at `container`.
    mutating func create(
        _ step: JSONPath.Step,
        _ reader: JSONPath.Reader,
        _ operation: Operation,
        in container: Int,
        _ path: Span<UInt8>,
        _ tape: JSONTape
    ) throws(JSONError) {
        if case .index(let index) = step, index != count(of: container, tape) {
            throw JSONError(.noSuchPlace, at: tape.entries[container].start)
        }
        let start = inserted.count
        inserted.append(Byte.comma)
        writeName(step, path)
        let valueStart = inserted.count
        do throws(JSONError) {
            _ = try write(reader, operation, path, tape)
        } catch {
            inserted.removeSubrange(start...)
            throw error
        }
        insert(
            Change(
                position: tape.behind(container) - 1,
                verb: .append,
                text: start..<inserted.count,
                valueStart: valueStart
            )
        )
    }

    /// Appends to the array at `value`, or puts an array in the place of null.
    mutating func append(
        _ operation: Operation,
        to value: Int,
        _ reader: JSONPath.Reader,
        _ path: Span<UInt8>,
        _ tape: JSONTape
    ) throws(JSONError) {
        let entry = tape.entries[value]
        switch (entry.tag, operation) {
        case (.array, .append(let element)):
            let start = inserted.count
            inserted.append(Byte.comma)
            inserted.appendJSON(element, in: tape)
            insert(
                Change(
                    position: tape.behind(value) - 1,
                    verb: .append,
                    text: start..<inserted.count,
                    valueStart: start + 1
                )
            )
        case (.null, _):
            let text = try write(reader, operation, path, tape)
            insert(Change(position: value, verb: .replace, text: text, valueStart: text.lowerBound))
        default:
            throw JSONError(.notAContainer, at: entry.start)
        }
    }

    /// Puts the end of what is inserted, `value`, in the place of the value that `change` puts in.
    mutating func replaceValue(of change: Int, with value: Range<Int>) {
        var old = changes[change]
        if old.verb == .append {
            let start = inserted.count
            for index in old.text.lowerBound..<old.valueStart { inserted.append(inserted[index]) }
            old.valueStart = inserted.count
            for index in value { inserted.append(inserted[index]) }
            old.text = start..<inserted.count
        } else {
            old.text = value
            old.valueStart = value.lowerBound
        }
        changes[change] = old
    }

    /// Does `operation` inside a value that a change has put in: rare, and done by parsing that value.
    mutating func rework(
        _ change: Int,
        _ operation: Operation,
        at path: Span<UInt8>,
        from reader: JSONPath.Reader,
        in tape: JSONTape
    ) throws(JSONError) -> Bool {
        var inner = JSONTape(limits: JSONLimits(bytes: JSONLimits.tapeBytes, depth: .max))
        try inner.parse([UInt8](inserted[changes[change].value]))
        var edits = JSONEdits()
        guard try edits.apply(operation.withoutNodes(of: tape), at: path, from: reader, of: inner.root, in: inner)
        else {
            return false
        }
        let old = changes[change].text
        if old.upperBound == inserted.count {
            // The last text there is: written over, so that building up a value step by step leaves nothing behind.
            inserted.removeSubrange(changes[change].valueStart...)
            edits.write(inner.root, of: inner, into: &inserted)
            changes[change].text = old.lowerBound..<inserted.count
        } else {
            let start = inserted.count
            edits.write(inner.root, of: inner, into: &inserted)
            replaceValue(of: change, with: start..<inserted.count)
        }
        return true
    }

    /// Appends to an array that `change` puts in, without parsing it; false if it is none, or not the last text there is.
    mutating func appendInPlace(_ element: JSONValue, to change: Int, in tape: JSONTape) -> Bool {
        let value = changes[change].value
        guard value.upperBound == inserted.count, inserted[value.lowerBound] == Byte.openBracket,
            inserted[value.upperBound - 1] == Byte.closeBracket
        else { return false }
        let isEmpty = inserted[value.dropFirst().dropLast()].allSatisfy { Scanner.isSpace($0) }
        inserted.removeLast()
        if !isEmpty { inserted.append(Byte.comma) }
        inserted.appendJSON(element, in: tape)
        inserted.append(Byte.closeBracket)
        changes[change].text = changes[change].text.lowerBound..<inserted.count
        return true
    }

    /// Removes what `step` leads to at `place`; of an object every member of that name.
    mutating func remove(
        _ step: JSONPath.Step,
        at place: Place,
        in container: Int,
        _ path: Span<UInt8>,
        _ tape: JSONTape
    ) {
        switch (step, place) {
        case (.plain(let range), _):
            removeMembers(path.extracting(range), of: container, tape)
        case (.escaped(let name), _):
            removeMembers(name.span, of: container, tape)
        case (.index, .missing):
            break
        case (.index, .inserted(let change, member: nil)):
            changes.remove(at: change)
        case (.index, .original(let element, _)), (.index, .inserted(_, .some(let element))):
            forget(element..<tape.behind(element))
            insert(Change(position: element, verb: .remove, container: container, text: 0..<0))
        }
    }

    /// Removes all members named `name`, in one walk.
    private mutating func removeMembers(_ name: Span<UInt8>, of container: Int, _ tape: JSONTape) {
        let end = tape.behind(container) - 1
        for index in appended(to: end).reversed() where hasName(name, changes[index]) { changes.remove(at: index) }
        var start = container + 1
        while let member = nextMember(name, from: start, before: end, tape) {
            start = tape.behind(member + 1)
            forget(member..<start)
            insert(Change(position: member, verb: .remove, container: container, text: 0..<0))
        }
    }

    /// Gives the member to which `step` leads the name `name`.
    mutating func rename(
        _ step: JSONPath.Step,
        to name: String,
        in container: Int,
        _ path: Span<UInt8>,
        _ tape: JSONTape
    ) throws(JSONError) {
        if case .index = step { throw JSONError(.noSuchPlace, at: tape.entries[container].start) }
        let new = JSONPath.Step.escaped([UInt8](name.utf8))
        if isSameName(step, name, path) { return }
        removeMembers(name.utf8.span, of: container, tape)
        switch try locate(step, in: container, path, tape) {
        case .missing:
            return
        case .inserted(let change, member: nil):
            let value = changes[change].value
            let start = inserted.count
            inserted.append(Byte.comma)
            writeName(new, path)
            let valueStart = inserted.count
            for index in value { inserted.append(inserted[index]) }
            changes[change].text = start..<inserted.count
            changes[change].valueStart = valueStart
        case .original(let member, _), .inserted(_, .some(let member)):
            forget(member..<member + 1)
            let start = inserted.count
            inserted.appendJSON(name)
            insert(Change(position: member, verb: .rename, text: start..<inserted.count))
        }
        remove(step, at: .missing, in: container, path, tape)
    }

    private func isSameName(_ step: JSONPath.Step, _ name: String, _ path: Span<UInt8>) -> Bool {
        switch step {
        case .plain(let range): [UInt8](name.utf8) == range.map { path[$0] }
        case .escaped(let old): old == [UInt8](name.utf8)
        case .index: false
        }
    }
}

extension JSONEdits.Operation {
    /// The same with every node of `tape` replaced by what is written there.
    fileprivate func withoutNodes(of tape: JSONTape) -> Self {
        switch self {
        case .set(.node(let node)): .set(.json(tape.written(node)))
        case .append(.node(let node)): .append(.json(tape.written(node)))
        default: self
        }
    }
}
