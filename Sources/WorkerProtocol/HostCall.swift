import EventModel

/// What a plugin asks of the host in the middle of its work, while its worker waits.
///
/// The worker leaves it in the call arena, which both sides may write, and sends `call`; the host copies it, answers in the
/// same memory and sends `answer`.
/// - Shape: u32 which; for a fetch u32 number of requests, then for each u32 length and a `RequestCoding`; else a name.
package enum HostCall: Equatable, Sendable {
    /// Send requests and give the answers.
    case fetch([PluginRequest])
    /// Give the word that stands for a secret in requests.
    case reference(String)

    /// The size of the call arena, in bytes.
    package static let arenaBytes = 8 * 1024 * 1024
    /// The most requests of one call.
    package static let mostRequests = 64
    /// The longest name, in bytes.
    package static let longestName = 256
    /// The longest header section of an answer, in bytes.
    package static let headerBytes = 64 * 1024
    /// The longest body of an answer that is given, in bytes.
    package static let bodyBytes = 1024 * 1024

    /// The longest body of each answer when a call has so many requests: all answers find room in the arena.
    package static func bodyBytes(of requests: Int) -> Int {
        let share = (arenaBytes - ArenaLayout.headerBytes) / max(1, requests)
        return min(bodyBytes, share - headerBytes - 1024)
    }

    private enum Mark {
        static let fetch: UInt32 = 1
        static let reference: UInt32 = 2
    }

    /// The bytes to leave in the arena.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .fetch(let requests):
            bytes.append(word32: Mark.fetch)
            bytes.append(word32: UInt32(requests.count))
            var one: [UInt8] = []
            for request in requests {
                RequestCoding.encode(request, into: &one)
                bytes.append(word32: UInt32(one.count))
                bytes.append(contentsOf: one)
            }
        case .reference(let name):
            bytes.append(word32: Mark.reference)
            bytes.append(contentsOf: name.utf8)
        }
        return bytes
    }

    /// Reads a call from a private copy of what a worker wrote.
    ///
    /// - Throws: `ArenaError.violation` for what no honest worker writes.
    package init(_ bytes: [UInt8]) throws(ArenaError) {
        guard bytes.count >= 4 else { throw .violation("a call has no head") }
        switch bytes.word32(at: 0) {
        case Mark.fetch: self = .fetch(try Self.requests(bytes[...]))
        case Mark.reference:
            let name = bytes.dropFirst(4)
            guard name.count <= Self.longestName else { throw .violation("a call has too long a name") }
            self = .reference(String(decoding: name, as: UTF8.self))
        default: throw .violation("a call asks for something unknown")
        }
    }

    private static func requests(_ bytes: ArraySlice<UInt8>) throws(ArenaError) -> [PluginRequest] {
        guard bytes.count >= 8 else { throw .violation("a call is cut off") }
        let count = Int(bytes.word32(at: 4))
        guard (1...mostRequests).contains(count) else { throw .violation("a call has too many requests, or none") }
        var requests: [PluginRequest] = []
        var rest = bytes.dropFirst(8)
        for _ in 0..<count {
            guard rest.count >= 4, Int(rest.word32(at: 0)) <= rest.count - 4 else {
                throw .violation("a call is cut off")
            }
            let length = Int(rest.word32(at: 0))
            requests.append(try RequestCoding.decode(rest.dropFirst(4).prefix(length), eventCount: 0))
            rest = rest.dropFirst(4 + length)
        }
        guard rest.isEmpty else { throw .violation("a call is longer than its parts") }
        return requests
    }
}

/// Why the host does not do what a plugin asks; the raw values are those of `leat_status`.
package enum CallRefusal: Int32, Error, Sendable {
    case invalid = -3
    case limit = -4
    /// Neither the manifest nor the operator permits it.
    case denied = -5
    case internalError = -9
}

/// What the host answers to a call.
package enum HostAnswer: Sendable {
    case responses([InputResponse])
    case text([UInt8])
    case refused(CallRefusal)

    /// Puts the answer into the call arena.
    ///
    /// - Returns: The status and, of a text, the length, for the control message.
    package func write(into memory: ArenaMemory) -> (status: Int32, length: Int) {
        switch self {
        case .refused(let refusal): return (refusal.rawValue, 0)
        case .text(let text):
            guard text.count <= memory.size else { return (CallRefusal.internalError.rawValue, 0) }
            unsafe text.withUnsafeBytes { bytes in unsafe memory.store(bytes, at: 0) }
            return (0, text.count)
        case .responses(let responses):
            let head = BatchHead(kind: .fetched, batch: 0, deadlineNanoseconds: 0, wallNanoseconds: 0)
            var writer = InputArenaWriter(memory, head)
            for response in responses where !writer.append(response) {
                // Its headers are absurdly many: what came cannot be given.
                let other = InputResponse(tag: response.tag, status: 0, transportError: 9)
                guard writer.append(other) else { return (CallRefusal.internalError.rawValue, 0) }
            }
            writer.finish()
            return (0, 0)
        }
    }
}
