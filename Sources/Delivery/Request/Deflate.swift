import CCompression

/// A body in gzip form, for destinations that take it.
///
/// - Source: zlib.h; RFC 1952.
enum Deflate {
    /// The fastest: most of the gain is had with it, and a request is sent once.
    private static let level: CInt = 1
    /// The largest window, and 16 for the frame of gzip.
    private static let windowBits: CInt = 15 + 16
    private static let memoryLevel: CInt = 8

    /// Nil when it would not be shorter.
    static func gzip(_ body: ArraySlice<UInt8>) -> [UInt8]? {
        var stream = unsafe z_stream()
        let size = unsafe CInt(MemoryLayout<z_stream>.size)
        guard
            unsafe deflateInit2_(
                &stream,
                level,
                Z_DEFLATED,
                windowBits,
                memoryLevel,
                Z_DEFAULT_STRATEGY,
                ZLIB_VERSION,
                size
            ) == Z_OK
        else { return nil }
        defer { unsafe deflateEnd(&stream) }
        let packed = unsafe [UInt8](unsafeUninitializedCapacity: body.count) { output, count in
            count = unsafe body.withUnsafeBufferPointer { input in
                unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.avail_in = UInt32(input.count)
                unsafe stream.next_out = output.baseAddress
                unsafe stream.avail_out = UInt32(output.count)
                // Without room for all of it there is nothing to gain.
                return unsafe deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
            }
        }
        return packed.isEmpty ? nil : packed
    }
}
