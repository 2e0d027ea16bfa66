/// Reading while changes are pending.
extension JSONEdits {
    /// What a reader would find at a path once the changes are written.
    package enum Finding: Equatable, Sendable {
        /// A value that no change has touched, so the tape can be asked.
        case untouched(JSONNode)
        /// Something that is new, or changed inside, or would lie in what is: write and parse again to read it.
        case changed
        /// Nothing.
        case missing
    }

    /// Looks at `path` from `node`, through the changes that were made so far.
    package func find(_ path: JSONPath, of node: JSONNode, in tape: JSONTape) -> Finding {
        guard !changes.isEmpty else { return tape.find(path, from: node).map(Finding.untouched) ?? .missing }
        let text = path.text.utf8.span
        var reader = JSONPath.Reader()
        var value = node.position
        if change(at: value) != nil { return .changed }
        while let step = reader.next(in: text) {
            do throws(JSONError) {
                switch try locate(step, in: value, text, tape) {
                case .original(_, let next): value = next
                case .inserted: return .changed
                case .missing: return .missing
                }
            } catch {
                // The path asks a scalar, or an array for a name: there is nothing for a reader either.
                return .missing
            }
        }
        let first = firstChange(from: value)
        let isTouched = first < changes.count && changes[first].position < tape.behind(value)
        return isTouched ? .changed : .untouched(JSONNode(value))
    }
}
