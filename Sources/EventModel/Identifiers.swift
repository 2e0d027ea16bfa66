/// Names a source; given by the catalog, never reused.
package struct SourceID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Names a destination; given by the catalog, never reused.
package struct DestinationID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
}

/// Names whoever reads a source's log: a connection, a replay or a shadow run.
package struct ConsumerID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A node's place in the table of nodes; a new number each time a node starts.
package struct NodeID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
}

/// The SHA-256 of a plugin's library: the only name under which its bytes are kept and loaded.
///
/// - Shape: 64 lower-case hexadecimal digits.
package struct PluginDigest: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String
    package init?(rawValue: String) {
        let isHex = rawValue.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard rawValue.utf8.count == 64, isHex else { return nil }
        self.rawValue = rawValue
    }
    package var description: String { rawValue }
}
