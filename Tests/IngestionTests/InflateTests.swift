import Testing

@testable import Ingestion

@Suite struct InflateTests {
    /// `{"a":1}` as each coding writes it.
    static let gzip: [UInt8] = [
        0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0x4A, 0x54, 0xB2, 0x32, 0xAC, 0x05,
        0x00, 0xAF, 0xAC, 0x1B, 0x56, 0x07, 0x00, 0x00, 0x00,
    ]
    static let zlib: [UInt8] = [
        0x78, 0x9C, 0xAB, 0x56, 0x4A, 0x54, 0xB2, 0x32, 0xAC, 0x05, 0x00, 0x08, 0x2A, 0x02, 0x09,
    ]
    static let raw = Array(zlib[2..<(zlib.count - 4)])
    static let plain = Array(#"{"a":1}"#.utf8)

    @Test(arguments: [(ContentCoding.gzip, gzip), (.deflate, zlib), (.deflate, raw)], [1, 2, 7, 1000])
    func `A body is inflated in whatever pieces it comes`(body: (ContentCoding, [UInt8]), step: Int) throws {
        var inflater = Inflater(body.0)
        var output: [UInt8] = []
        for start in stride(from: 0, to: body.1.count, by: step) {
            try inflater.inflate(body.1[start..<min(start + step, body.1.count)], into: &output, limit: 100)
        }
        try inflater.finish()
        #expect(output == Self.plain)
    }

    @Test func `Several gzip members are one body`() throws {
        var inflater = Inflater(.gzip)
        var output: [UInt8] = []
        try inflater.inflate(Self.gzip + Self.gzip, into: &output, limit: 100)
        try inflater.inflate(Self.gzip, into: &output, limit: 100)
        try inflater.finish()
        #expect(output == Self.plain + Self.plain + Self.plain)
    }

    @Test func `Exactly the limit fits and one byte more does not`() throws {
        var output: [UInt8] = []
        var fitting = Inflater(.gzip)
        try fitting.inflate(Self.gzip, into: &output, limit: Self.plain.count)
        try fitting.finish()
        output = []
        var breaking = Inflater(.gzip)
        #expect(throws: InflateError.tooLarge) {
            try breaking.inflate(Self.gzip, into: &output, limit: Self.plain.count - 1)
        }
        #expect(output.count <= Self.plain.count)
    }

    @Test func `A cut body and a body of something else are refused`() throws {
        var output: [UInt8] = []
        var cut = Inflater(.gzip)
        try cut.inflate(Self.gzip.dropLast(4), into: &output, limit: 100)
        #expect(throws: InflateError.truncated) { try cut.finish() }
        var wrong = Inflater(.gzip)
        #expect(throws: InflateError.corrupt) { try wrong.inflate(Self.plain, into: &output, limit: 100) }
        var flipped = Inflater(.gzip)
        var bytes = Self.gzip
        bytes[20] ^= 1
        #expect(throws: InflateError.corrupt) { try flipped.inflate(bytes, into: &output, limit: 100) }
        var trailing = Inflater(.gzip)
        #expect(throws: InflateError.corrupt) {
            try trailing.inflate(Self.gzip + Self.plain, into: &output, limit: 100)
        }
    }

    @Test(arguments: [
        (nil as String?, ContentCoding.identity as ContentCoding?), ("", .identity), ("identity", .identity),
        ("gzip", .gzip), ("GZIP", .gzip),
        (" x-gzip ", .gzip), ("deflate", .deflate), ("br", nil), ("gzip, gzip", nil), ("zstd", nil),
    ])
    func `The coding of a body is known or refused`(header: String?, coding: ContentCoding?) {
        #expect(ContentCoding(header: header) == coding)
    }
}
