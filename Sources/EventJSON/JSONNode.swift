/// One value of a parsed text: its place on the tape.
///
/// - Shape: four bytes, freely copied.
/// - Valid: until its tape parses again; after that it may name another value, or none.
package struct JSONNode: Hashable, Sendable {
    let index: UInt32

    init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }

    var position: Int { Int(index) }
}

/// One member of an object.
package struct JSONMember: Sendable {
    package let key: JSONNode
    package let value: JSONNode
}

/// What a value is.
package enum JSONKind: UInt8, Sendable {
    case null, boolean, number, string, array, object
}
