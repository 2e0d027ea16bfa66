/// Fixed-width little-endian words in private bytes; a position outside them traps.
///
/// The traps are a last resort: every caller has checked the lengths that came from elsewhere.
extension [UInt8] {
    func word32(at position: Int) -> UInt32 { self[...].word32(at: position) }
    func word64(at position: Int) -> UInt64 { self[...].word64(at: position) }

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

extension ArraySlice<UInt8> {
    /// Positions count from the start of the slice.
    func word32(at position: Int) -> UInt32 {
        precondition(position >= 0 && position <= count - 4)
        return unsafe withUnsafeBytes { bytes in
            unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
        }
    }

    func word64(at position: Int) -> UInt64 {
        precondition(position >= 0 && position <= count - 8)
        return unsafe withUnsafeBytes { bytes in
            unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        }
    }
}
