/// Little-endian integers in and out of byte arrays; every place is checked.
extension [UInt8] {
    func littleEndian<Integer: FixedWidthInteger>(_ type: Integer.Type, at place: Int) -> Integer {
        precondition(place >= 0 && place + MemoryLayout<Integer>.size <= count, "read outside the bytes")
        return unsafe withUnsafeBytes { bytes in
            unsafe Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: Integer.self))
        }
    }

    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        unsafe Swift.withUnsafeBytes(of: value.littleEndian) { bytes in unsafe append(contentsOf: bytes) }
    }
}
