/// One replacement in a text.
package struct JSONSplice: Equatable, Sendable {
    /// Where, in bytes from the start of the value that was asked for.
    package fileprivate(set) var offset: Int
    /// How many bytes go.
    package let removed: Int
    /// What comes in their place: a part of the edits' own bytes.
    let inserted: Range<Int>
}

extension JSONEdits {
    /// Appends `node` with its changes to `output`.
    package func write(_ node: JSONNode, of tape: JSONTape, into output: inout [UInt8]) {
        let range = tape.range(of: node)
        var copied = range.lowerBound
        var progress = Progress()
        for index in changes(in: node, of: tape) {
            let splice = splice(at: index, in: tape, &progress)
            tape.text.copy(copied..<splice.offset, into: &output)
            output.append(inserted.span.extracting(splice.inserted))
            copied = splice.offset + splice.removed
        }
        tape.text.copy(copied..<range.upperBound, into: &output)
    }

    /// Calls `body` with every replacement that makes `node` what it has become, and with the bytes that it puts in.
    ///
    /// They come from left to right and do not overlap; two at the same offset are to be made in this order.
    package func splices<Failure>(
        of node: JSONNode,
        in tape: JSONTape,
        _ body: (JSONSplice, Span<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        let origin = tape.range(of: node).lowerBound
        var progress = Progress()
        for index in changes(in: node, of: tape) {
            var splice = splice(at: index, in: tape, &progress)
            splice.offset -= origin
            try body(splice, inserted.span.extracting(splice.inserted))
        }
    }

    /// The changes inside `node`.
    private func changes(in node: JSONNode, of tape: JSONTape) -> Range<Int> {
        changes.isEmpty ? 0..<0 : firstChange(from: node.position)..<firstChange(from: tape.behind(node.position))
    }

    /// What the change at `index` does to the text, counted from the start of the text.
    private func splice(at index: Int, in tape: JSONTape, _ progress: inout Progress) -> JSONSplice {
        let change = changes[index]
        let place = place(of: change, in: tape, &progress)
        let skipped = skipsComma(change, at: index, in: tape, &progress) ? 1 : 0
        return JSONSplice(
            offset: place.lowerBound,
            removed: place.count,
            inserted: change.text.lowerBound + skipped..<change.text.upperBound
        )
    }

    /// The bytes of the text in whose place `change` puts its own.
    ///
    /// A removed member or element takes the separator before it along, or, when nothing is left before it, the one
    /// behind it; so what removals take never overlaps, and what is left is separated once.
    private func place(of change: Change, in tape: JSONTape, _ progress: inout Progress) -> Range<Int> {
        let entry = tape.entries[change.position]
        switch change.verb {
        case .replace, .rename:
            return tape.range(of: JSONNode(change.position))
        case .append:
            let isEmpty = entry.extent == change.position - 1
            let start = isEmpty ? entry.start : tape.end(of: change.position - 1)
            return start..<start
        case .remove:
            let isObject = tape.entries[change.container].tag == .object
            let next = tape.behind(isObject ? change.position + 1 : change.position)
            if isAnythingLeft(before: change.position, in: change.container, tape, &progress) {
                return tape.end(of: change.position - 1)..<tape.end(of: next - 1)
            }
            let isLast = tape.entries[next].closes
            return entry.start..<(isLast ? tape.end(of: next - 1) : tape.entries[next].start)
        }
    }

    /// Whether `change` appends to a container in which nothing is left.
    private func skipsComma(
        _ change: Change,
        at index: Int,
        in tape: JSONTape,
        _ progress: inout Progress
    ) -> Bool {
        guard change.verb == .append else { return false }
        if index > 0, changes[index - 1].position == change.position { return false }
        let container = tape.entries[change.position].extent
        return !isAnythingLeft(before: change.position, in: container, tape, &progress)
    }

    /// How far the walk over a container whose beginning was removed has come, so that it is walked only once.
    private struct Progress {
        var container = -1
        /// Before this all is removed.
        var position = 0
    }

    /// Whether a member or element of the text is left in `container` before `position`.
    private func isAnythingLeft(
        before position: Int,
        in container: Int,
        _ tape: JSONTape,
        _ progress: inout Progress
    ) -> Bool {
        if progress.container != container { progress = Progress(container: container, position: container + 1) }
        let isObject = tape.entries[container].tag == .object
        while progress.position < position {
            let current = progress.position
            if !isRemoved(current) { return true }
            progress.position = tape.behind(isObject ? current + 1 : current)
        }
        return false
    }
}
