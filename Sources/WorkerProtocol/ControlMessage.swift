/// One record on the control socket between host and worker.
///
/// Control messages only say that something is so; whatever has a length (configuration, texts) lies in an arena.
/// - Shape: 64 bytes, little-endian: kind u32, sequence u32, code i32, zero u32, six u64.
package struct ControlMessage: Equatable, Sendable {
    /// The length of every message in bytes; any other length is a violation.
    package static let size = 64
    /// What both sides must agree on before anything else.
    package static let protocolVersion: UInt64 = 1

    /// What a message says.
    ///
    /// The first group goes from the worker to the host, the second from the host to the worker.
    package enum Kind: UInt32, Sendable {
        /// The worker runs. Values: protocol version, process id (advisory).
        case hello = 1
        /// The worker is sealed and knows no plugin yet. Values: what the sealing reports (advisory).
        case sealed = 2
        /// The plugin is created. Values: nanoseconds of open, entry and create, then its interfaces (advisory).
        case ready = 3
        /// The plugin cannot run: `code` is a `WorkerFailure`, the text lies in the output arena. The worker ends.
        /// Values: the plugin's own status, two's complement.
        case failed = 4
        /// The plugin is destroyed and the worker ends.
        case drained = 5
        /// The plugin asks for something, a `HostCall` in the call arena, and waits. Values: its length in bytes.
        case call = 6

        /// Load the plugin: its file is attached, the `LoadRequest` lies in the input arena.
        case load = 16
        /// Use another memory file from now on, which is attached. `code` is the `WorkerSlot` it replaces;
        /// values: its size in bytes. Sent only while no batch is in flight.
        case replaceArena = 17
        /// Destroy the plugin in order and end.
        case drain = 18
        /// Ask through this memory file, which is attached. Values: its size in bytes. Sent before `load`, to those
        /// workers alone whose plugin may ask.
        case callArena = 19
        /// The answer to a call lies in the call arena. Code: a `leat_status`; values: the length of a text.
        case answer = 20
    }

    package var kind: Kind
    /// Counts the messages of one direction from 1, so that a lost or repeated one shows.
    package var sequence: UInt32
    package var code: Int32
    package var values: [6 of UInt64]

    package init(_ kind: Kind, sequence: UInt32, code: Int32 = 0, values: [6 of UInt64] = .init(repeating: 0)) {
        self.kind = kind
        self.sequence = sequence
        self.code = code
        self.values = values
    }

    /// Reads a message from a peer that is not trusted.
    ///
    /// - Throws: `ArenaError.violation` for another length, an unknown kind, or a field that must be zero.
    package init(bytes: [UInt8]) throws(ArenaError) {
        guard bytes.count == Self.size else { throw .violation("a control message has another length than 64 bytes") }
        guard let kind = Kind(rawValue: bytes.word32(at: 0)) else {
            throw .violation("a control message has an unknown kind")
        }
        guard bytes.word32(at: 12) == 0 else { throw .violation("a control message sets a field that must be zero") }
        self.kind = kind
        sequence = bytes.word32(at: 4)
        code = Int32(bitPattern: bytes.word32(at: 8))
        values = .init(repeating: 0)
        for index in 0..<6 { values[index] = bytes.word64(at: 16 + index * 8) }
    }

    /// The 64 bytes to send.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        bytes.append(word32: kind.rawValue)
        bytes.append(word32: sequence)
        bytes.append(word32: UInt32(bitPattern: code))
        bytes.append(word32: 0)
        for index in 0..<6 { bytes.append(word64: values[index]) }
        return bytes
    }

    package static func == (left: Self, right: Self) -> Bool { left.bytes == right.bytes }
}
