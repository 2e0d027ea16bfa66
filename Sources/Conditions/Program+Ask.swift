import EventJSON

/// Asking a program about an event.
extension Program {
    func holds(for event: JSONNode, in tape: JSONTape) -> Bool {
        answer(whenOpen: false) { holds(tests[$0], for: event, in: tape) }
    }

    /// Works through the instructions; `ask` answers a test, and where it cannot, that and its opposite are `whenOpen`.
    @inline(__always)
    func answer(whenOpen: Bool, _ ask: (Int) -> Bool?) -> Bool {
        var answer = true
        var next = 0
        while next < instructions.count {
            switch instructions[next] {
            case .ask(let test, let negated): answer = ask(test).map { $0 != negated } ?? whenOpen
            case .skipUnlessTrue(let place) where !answer: next = place - 1
            case .skipIfTrue(let place) where answer: next = place - 1
            case .skipUnlessTrue, .skipIfTrue: break
            }
            next += 1
        }
        return answer
    }

    func holds(_ test: Test, for event: JSONNode, in tape: JSONTape) -> Bool {
        guard let node = find(test.path, from: event, in: tape) else { return false }
        switch test.verb {
        case .exists: return true
        case .equal, .among:
            for place in test.values where isEqual(node, to: values[place], in: tape) { return true }
            return false
        case .less: return order(node, to: values[test.values.lowerBound], in: tape).map { $0 < 0 } ?? false
        case .lessOrEqual: return order(node, to: values[test.values.lowerBound], in: tape).map { $0 <= 0 } ?? false
        case .greater: return order(node, to: values[test.values.lowerBound], in: tape).map { $0 > 0 } ?? false
        case .greaterOrEqual: return order(node, to: values[test.values.lowerBound], in: tape).map { $0 >= 0 } ?? false
        case .contains:
            let value = values[test.values.lowerBound]
            guard tape.kind(node) == .array else { return matches(node, value, in: tape) { $0.contains($1) } }
            for element in tape.elements(of: node) where isEqual(element, to: value, in: tape) { return true }
            return false
        case .startsWith: return matches(node, values[test.values.lowerBound], in: tape) { $0.starts(with: $1) }
        case .endsWith: return matches(node, values[test.values.lowerBound], in: tape) { $0.ends(with: $1) }
        }
    }

    private func find(_ path: Range<Int>, from event: JSONNode, in tape: JSONTape) -> JSONNode? {
        var node = event
        for place in path {
            let next: JSONNode? =
                switch steps[place] {
                case .member(let name): tape.member(of: node, key: bytes.span.extracting(name))
                case .element(let index): tape.element(of: node, at: index)
                }
            guard let next else { return nil }
            node = next
        }
        return node
    }

    private func isEqual(_ node: JSONNode, to value: Value, in tape: JSONTape) -> Bool {
        switch value {
        case .null: tape.isNull(node)
        case .boolean(let wanted): tape.bool(node) == wanted
        case .number(let written):
            tape.kind(node) == .number && NumberOrder.of(tape.bytes(of: node), bytes.span.extracting(written)) == 0
        case .text(let wanted): tape.equals(node, bytes.span.extracting(wanted))
        }
    }

    /// Less than, equal to or greater than 0 as the value at `node` is less than, equal to or greater than `value`; nil
    /// for what has no order.
    private func order(_ node: JSONNode, to value: Value, in tape: JSONTape) -> Int? {
        switch value {
        case .null, .boolean: nil
        case .number(let written):
            tape.kind(node) == .number ? NumberOrder.of(tape.bytes(of: node), bytes.span.extracting(written)) : nil
        case .text(let wanted):
            tape.withContent(of: node) { $0.order(to: bytes.span.extracting(wanted)) }
        }
    }

    private func matches(
        _ node: JSONNode,
        _ value: Value,
        in tape: JSONTape,
        _ body: (Span<UInt8>, Span<UInt8>) -> Bool
    ) -> Bool {
        guard case .text(let wanted) = value else { return false }
        return tape.withContent(of: node) { body($0, bytes.span.extracting(wanted)) } ?? false
    }
}

/// Comparing texts byte by byte, which for UTF-8 is the order of code points.
extension Span<UInt8> {
    func starts(with other: Span<UInt8>) -> Bool { holds(other, at: 0) }

    func ends(with other: Span<UInt8>) -> Bool { holds(other, at: count - other.count) }

    func contains(_ other: Span<UInt8>) -> Bool {
        guard other.count <= count else { return false }
        for start in 0...count - other.count where holds(other, at: start) { return true }
        return false
    }

    func order(to other: Span<UInt8>) -> Int {
        for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
            return Int(self[index]) - Int(other[index])
        }
        return count - other.count
    }

    private func holds(_ other: Span<UInt8>, at start: Int) -> Bool {
        guard start >= 0, start + other.count <= count else { return false }
        for index in 0..<other.count where self[start + index] != other[index] { return false }
        return true
    }
}
