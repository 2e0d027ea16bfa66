/// Finding values.
extension JSONTape {
    /// The value of the member of `object` named `key`; nil if there is none, or `object` is not an object.
    ///
    /// When a name stands twice the last one counts, as in every common parser.
    package func member(of object: JSONNode, _ key: StaticString) -> JSONNode? {
        unsafe member(
            of: object,
            key: Span(_unsafeStart: key.utf8Start, count: key.utf8CodeUnitCount)
        )
    }

    /// The value of the member of `object` whose name is the UTF-8 text `key`.
    package func member(of object: JSONNode, key: Span<UInt8>) -> JSONNode? {
        guard entries[object.position].tag == .object else { return nil }
        var found: JSONNode?
        var position = object.position + 1
        while true {
            let entry = entries[position]
            if entry.closes { return found }
            if isString(entry, equalTo: key) { found = JSONNode(position + 1) }
            position = behind(position + 1)
        }
    }

    /// The value at `path` from `node`, or nil.
    package func find(_ path: JSONPath, from node: JSONNode? = nil) -> JSONNode? {
        var place = node ?? root
        let steps = path.text.utf8.span
        var reader = JSONPath.Reader()
        while let step = reader.next(in: steps) {
            let next: JSONNode?
            switch step {
            case .index(let index): next = element(of: place, at: index)
            case .plain(let range): next = member(of: place, key: steps.extracting(range))
            case .escaped(let key): next = member(of: place, key: key.span)
            }
            guard let next else { return nil }
            place = next
        }
        return place
    }

    /// The element of `array` at `index`, or nil.
    package func element(of array: JSONNode, at index: Int) -> JSONNode? {
        guard index >= 0 else { return nil }
        var rest = index
        for element in elements(of: array) {
            if rest == 0 { return element }
            rest -= 1
        }
        return nil
    }

    /// Whether `node` is a string whose content, escapes resolved, is the UTF-8 text `content`.
    package func equals(_ node: JSONNode, _ content: Span<UInt8>) -> Bool {
        isString(entries[node.position], equalTo: content)
    }

    /// Whether `node` is a string whose content, escapes resolved, is `content`.
    package func equals(_ node: JSONNode, _ content: StaticString) -> Bool {
        unsafe equals(node, Span(_unsafeStart: content.utf8Start, count: content.utf8CodeUnitCount))
    }

    @inline(__always)
    func isString(_ entry: TapeEntry, equalTo content: Span<UInt8>) -> Bool {
        switch entry.tag {
        case .string: entry.extent == content.count + 2 && text.holds(content, at: entry.start + 1)
        case .escapedString:
            JSONString.matches(text.bytes(entry.start + 1..<entry.start + entry.extent - 1), content)
        default: false
        }
    }
}

// MARK: Iteration

extension JSONTape {
    /// The elements of `array` in order; none if it is not an array.
    package func elements(of array: JSONNode) -> Elements {
        let entry = entries[array.position]
        return Elements(entries: entries, position: entry.tag == .array ? array.position + 1 : nil)
    }

    /// The members of `object` in the order in which they were written, duplicates too; none if it is not an object.
    package func members(of object: JSONNode) -> Members {
        let entry = entries[object.position]
        return Members(entries: entries, position: entry.tag == .object ? object.position + 1 : nil)
    }

    /// How many elements an array, or members an object, has; 0 for anything else; walks them.
    package func count(of container: JSONNode) -> Int {
        switch kind(container) {
        case .array: elements(of: container).reduce(into: 0) { count, _ in count += 1 }
        case .object: members(of: container).reduce(into: 0) { count, _ in count += 1 }
        default: 0
        }
    }

    /// An array's elements, one after the other, without allocation.
    package struct Elements: Sequence, IteratorProtocol {
        let entries: ScannedTape
        var position: Int?

        package mutating func next() -> JSONNode? {
            guard let current = position, !entries[current].closes else { return nil }
            position = entries.behind(current)
            return JSONNode(current)
        }
    }

    /// An object's members, one after the other, without allocation.
    package struct Members: Sequence, IteratorProtocol {
        let entries: ScannedTape
        var position: Int?

        package mutating func next() -> JSONMember? {
            guard let current = position, !entries[current].closes else { return nil }
            position = entries.behind(current + 1)
            return JSONMember(key: JSONNode(current), value: JSONNode(current + 1))
        }
    }
}
