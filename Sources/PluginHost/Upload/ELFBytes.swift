/// Bytes of a file that claims to be ELF: every read is checked, none traps.
struct ELFBytes {
    private let bytes: [UInt8]

    /// The length of the file's head.
    static let headBytes = 64

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }

    func starts(with prefix: [UInt8]) -> Bool { bytes.starts(with: prefix) }

    func byte(_ offset: UInt64) -> UInt8? { word(offset, 1).map { UInt8(truncatingIfNeeded: $0) } }

    func word16(_ offset: UInt64) -> UInt16? { word(offset, 2).map { UInt16(truncatingIfNeeded: $0) } }

    func word32(_ offset: UInt64) -> UInt32? { word(offset, 4).map { UInt32(truncatingIfNeeded: $0) } }

    func word64(_ offset: UInt64) -> UInt64? { word(offset, 8) }

    /// The text up to the next zero byte, when it ends within `most` bytes.
    func text(_ offset: UInt64, most: Int = 1024) -> String? {
        guard offset < UInt64(bytes.count) else { return nil }
        let rest = bytes[Int(offset)...].prefix(most)
        guard let end = rest.firstIndex(of: 0) else { return nil }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    private func word(_ offset: UInt64, _ count: Int) -> UInt64? {
        guard offset <= UInt64(bytes.count), UInt64(count) <= UInt64(bytes.count) - offset else { return nil }
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(bytes[Int(offset) + index]) << (8 * UInt64(index)) }
        return value
    }
}

/// One entry of the table of segments.
struct ELFSegment {
    enum Kind: UInt32 {
        case load = 1
        case dynamic = 2
        case threadLocal = 7
        case stack = 0x6474_E551
    }

    /// Bytes of an entry.
    static let bytes = 56
    static let page: UInt64 = 4096

    /// Nil for a kind that does not matter here.
    let kind: Kind?
    let isExecutable: Bool
    let isWritable: Bool
    let offset: UInt64
    let address: UInt64
    let fileCount: UInt64
    let memoryCount: UInt64

    init?(_ image: ELFBytes, at start: UInt64) {
        guard start <= UInt64(image.count), let kind = image.word32(start), let flags = image.word32(start + 4),
            let offset = image.word64(start + 8), let address = image.word64(start + 16),
            let fileCount = image.word64(start + 32), let memoryCount = image.word64(start + 40)
        else { return nil }
        self.kind = Kind(rawValue: kind)
        isExecutable = flags & 1 != 0
        isWritable = flags & 2 != 0
        self.offset = offset
        self.address = address
        self.fileCount = fileCount
        self.memoryCount = memoryCount
    }
}
