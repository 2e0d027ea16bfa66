/// Which answers of its destination a connector wants to classify itself, as its manifest names them.
package struct AnswerPattern: Hashable, Sendable {
    /// Nil for those that did not arrive.
    private let statuses: ClosedRange<Int>?

    /// - Shape: `2xx`, a status such as `409`, or `transport`.
    package init?(_ text: String) {
        if text == "transport" {
            statuses = nil
            return
        }
        let bytes = Array(text.utf8)
        guard bytes.count == 3, (0x31...0x35).contains(bytes[0]) else { return nil }
        if bytes[1] == 0x78, bytes[2] == 0x78 {
            let hundred = Int(bytes[0] - 0x30) * 100
            statuses = hundred...hundred + 99
        } else {
            guard bytes.allSatisfy({ (0x30...0x39).contains($0) }), let status = Int(text) else { return nil }
            statuses = status...status
        }
    }

    /// Whether it names an answer of this status; nil for none that arrived.
    package func admits(status: Int?) -> Bool {
        guard let status else { return statuses == nil }
        return statuses?.contains(status) ?? false
    }
}
