/// Fixed-width little-endian words in private bytes. The positions were checked by the caller; a wrong one traps.
extension RandomAccessCollection<UInt8> where Self: Sendable, Index == Int {
    func word32(at position: Int) -> UInt32 {
        let start = startIndex + position
        return UInt32(self[start]) | UInt32(self[start + 1]) << 8
            | UInt32(self[start + 2]) << 16 | UInt32(self[start + 3]) << 24
    }

    func word64(at position: Int) -> UInt64 {
        UInt64(word32(at: position)) | UInt64(word32(at: position + 4)) << 32
    }
}

extension [UInt8] {
    mutating func append(word32 value: UInt32) {
        append(UInt8(truncatingIfNeeded: value))
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value >> 16))
        append(UInt8(truncatingIfNeeded: value >> 24))
    }

    mutating func append(word64 value: UInt64) {
        append(word32: UInt32(truncatingIfNeeded: value))
        append(word32: UInt32(truncatingIfNeeded: value >> 32))
    }
}
