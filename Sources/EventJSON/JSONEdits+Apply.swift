/// Following a path and making the change at its end.
extension JSONEdits {
    /// Where a step of a path leads.
    enum Place {
        /// To a value of the text; `member` is the place of its key, or of the element itself.
        case original(member: Int, value: Int)
        /// To a value that a change has put there; `member` is nil when it was appended.
        case inserted(change: Int, member: Int?)
        /// To nothing.
        case missing
    }

    /// Does `operation` at what is left of `path` at `start`; returns whether there was something to do it to.
    mutating func apply(
        _ operation: Operation,
        at path: Span<UInt8>,
        from start: JSONPath.Reader = JSONPath.Reader(),
        of node: JSONNode,
        in tape: JSONTape
    ) throws(JSONError) -> Bool {
        tidy()
        var reader = start
        var container: Int?
        var step = JSONPath.Step.index(0)
        var place = Place.original(member: node.position, value: node.position)
        if let change = change(at: node.position), changes[change].verb == .replace {
            place = .inserted(change: change, member: node.position)
        }
        while !reader.isAtEnd(of: path) {
            switch place {
            case .inserted(let change, _):
                return try rework(change, operation, at: path, from: reader, in: tape)
            case .missing:
                guard operation.creates, let container else { return false }
                try create(step, reader, operation, in: container, path, tape)
                return true
            case .original(_, let value):
                if tape.entries[value].tag == .null {
                    guard operation.creates else { return false }
                    let text = try write(reader, operation, path, tape)
                    insert(Change(position: value, verb: .replace, text: text, valueStart: text.lowerBound))
                    return true
                }
                guard let next = reader.next(in: path) else { return false }
                step = next
                place = try locate(step, in: value, path, tape)
                container = value
            }
        }
        return try finish(operation, at: place, step, reader, in: container, path, tape)
    }

    /// Does `operation` at the place to which the last `step` has led, inside `container` if there was a step.
    private mutating func finish(
        _ operation: Operation,
        at place: Place,
        _ step: JSONPath.Step,
        _ reader: JSONPath.Reader,
        in container: Int?,
        _ path: Span<UInt8>,
        _ tape: JSONTape
    ) throws(JSONError) -> Bool {
        switch (operation, place) {
        case (.set, .missing), (.append, .missing):
            guard let container else { return false }
            try create(step, reader, operation, in: container, path, tape)
        case (.set, .original(_, let value)):
            let text = try write(reader, operation, path, tape)
            forget(value..<tape.behind(value))
            insert(Change(position: value, verb: .replace, text: text, valueStart: text.lowerBound))
        case (.set, .inserted(let change, _)):
            let text = try write(reader, operation, path, tape)
            replaceValue(of: change, with: text)
        case (.append, .original(_, let value)):
            try append(operation, to: value, reader, path, tape)
        case (.append(let element), .inserted(let change, _)):
            if appendInPlace(element, to: change, in: tape) { return true }
            return try rework(change, operation, at: path, from: reader, in: tape)
        case (.remove, _), (.rename, _):
            guard let container else {
                throw JSONError(.noSuchPlace, at: offset(of: place, in: tape))
            }
            if case .missing = place { return false }
            if case .rename(let name) = operation {
                try rename(step, to: name, in: container, path, tape)
            } else {
                remove(step, at: place, in: container, path, tape)
            }
        }
        return true
    }

    private func offset(of place: Place, in tape: JSONTape) -> Int {
        if case .original(_, let value) = place { tape.entries[value].start } else { 0 }
    }
}
