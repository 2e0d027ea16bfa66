/// The fixed head of a chunk's payload.
///
/// - Shape: 32 bytes, little-endian: `LC`, version u8, codec u8, event count u32, bodies' raw length u32, bodies' stored
///   length u32, XXH3 of the first 16 bytes and the directory u64, XXH3 of the stored bodies u64. The directory follows,
///   then the stored bodies.
struct ChunkHead {
    let codec: Codec
    let count: Int
    let rawLength: Int
    let storedLength: Int
    let directoryHash: UInt64
    let bodyHash: UInt64

    static let size = 32
    static let version: UInt8 = 1
    /// The longest bodies of one chunk that are inflated, so that no stored number makes us take all memory.
    static let rawLengthLimit = 64 * 1024 * 1024

    /// Where the stored bodies begin.
    var bodyStart: Int { Self.size + count * DirectoryEntry.size }

    /// Reads the head of `payload`, whose end may be missing.
    init(_ payload: [UInt8]) throws(ChunkFailure) {
        guard payload.count >= Self.size, payload[0] == 0x4C, payload[1] == 0x43 else { throw ChunkFailure(.head) }
        guard payload[2] == Self.version else { throw ChunkFailure(.version) }
        guard let codec = Codec(rawValue: payload[3]) else { throw ChunkFailure(.codec) }
        self.codec = codec
        count = Int(payload.littleEndian(UInt32.self, at: 4))
        rawLength = Int(payload.littleEndian(UInt32.self, at: 8))
        storedLength = Int(payload.littleEndian(UInt32.self, at: 12))
        directoryHash = payload.littleEndian(UInt64.self, at: 16)
        bodyHash = payload.littleEndian(UInt64.self, at: 24)
        guard rawLength <= Self.rawLengthLimit, payload.count >= Self.size + count * DirectoryEntry.size else {
            throw ChunkFailure(.lengths)
        }
    }

    /// The entries, once their hash and the sum of their lengths are right.
    func entries(_ payload: [UInt8]) throws(ChunkFailure) -> [DirectoryEntry] {
        guard Self.directoryHash(payload, from: 0, end: bodyStart) == directoryHash else {
            throw ChunkFailure(.directory)
        }
        var entries: [DirectoryEntry] = []
        entries.reserveCapacity(count)
        var sum = 0
        for index in 0..<count {
            let entry = DirectoryEntry(payload, at: Self.size + index * DirectoryEntry.size)
            sum += Int(entry.length)
            entries.append(entry)
        }
        guard sum == rawLength else { throw ChunkFailure(.lengths) }
        return entries
    }

    /// The hash over the head's numbers and the directory of a payload that begins at `start`.
    static func directoryHash(_ bytes: [UInt8], from start: Int, end: Int) -> UInt64 {
        EventHash.key(bytes[start..<start + 16]) ^ EventHash.key(bytes[start + size..<end])
    }
}

/// A fault found before it is known whose chunk it is.
struct ChunkFailure: Error {
    let fault: ChunkFault
    init(_ fault: ChunkFault) { self.fault = fault }
}
