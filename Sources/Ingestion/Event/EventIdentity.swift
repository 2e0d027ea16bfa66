import EventJSON

/// The texts by which an event is known: its user key and its message id.
enum EventIdentity {
    /// The longest identifier, in bytes.
    static let identifierBytes = 1024

    enum Reading: Equatable {
        /// Missing, null, or nothing but white space.
        case absent
        case text
        /// An object, an array or a boolean.
        case notText
        case tooLong
    }

    /// Reads `node` as an identifier into `bytes`: a string's content, or a number as it is written.
    static func read(_ node: JSONNode?, of tape: JSONTape, into bytes: inout [UInt8]) -> Reading {
        bytes.removeAll(keepingCapacity: true)
        guard let node else { return .absent }
        switch tape.kind(node) {
        case .string: tape.unescape(node, into: &bytes)
        case .number: tape.copy(node, into: &bytes)
        case .null: return .absent
        case .boolean, .array, .object: return .notText
        }
        if bytes.count > identifierBytes { return .tooLong }
        return bytes.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) } ? .absent : .text
    }
}
