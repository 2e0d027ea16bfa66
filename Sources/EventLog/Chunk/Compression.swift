import CCompression

/// lz4 and zstd over byte arrays.
enum Compression {
    /// Appends the compressed form of `raw`, or `raw` itself where that is no longer.
    ///
    /// - Returns: the codec that was used.
    static func compress(_ raw: [UInt8], with codec: Codec, into out: inout [UInt8]) -> Codec {
        guard codec != .none, !raw.isEmpty else {
            out.append(contentsOf: raw)
            return .none
        }
        let start = out.count
        // Room for the raw size only: a result that does not fit is not worth keeping.
        out.append(contentsOf: repeatElement(0, count: raw.count))
        let length = unsafe raw.withUnsafeBytes { source in
            unsafe out.withUnsafeMutableBytes { target in
                let room = unsafe UnsafeMutableRawBufferPointer(rebasing: target[start...])
                return unsafe write(source, into: room, codec)
            }
        }
        guard length > 0, length < raw.count else {
            out.removeLast(out.count - start)
            out.append(contentsOf: raw)
            return .none
        }
        out.removeLast(out.count - start - length)
        return codec
    }

    /// The bytes that `stored` holds, or nil if they are not exactly `count`.
    static func inflate(_ stored: ArraySlice<UInt8>, with codec: Codec, count: Int) -> [UInt8]? {
        guard codec != .none else { return stored.count == count ? Array(stored) : nil }
        guard count > 0 else { return stored.isEmpty ? [] : nil }
        var length = 0
        let raw = unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            length = unsafe stored.withUnsafeBytes { source in
                unsafe read(source, into: UnsafeMutableRawBufferPointer(target), codec)
            }
            filled = max(0, min(length, count))
        }
        return length == count ? raw : nil
    }

    private static func write(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer,
        _ codec: Codec
    ) -> Int {
        if codec == .zstd {
            let length = unsafe ZSTD_compress(target.baseAddress, target.count, source.baseAddress, source.count, 1)
            return ZSTD_isError(length) == 0 ? length : 0
        }
        return unsafe Int(
            LZ4_compress_default(
                source.baseAddress?.assumingMemoryBound(to: CChar.self),
                target.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(source.count),
                Int32(target.count)
            )
        )
    }

    private static func read(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer,
        _ codec: Codec
    ) -> Int {
        if codec == .zstd {
            let length = unsafe ZSTD_decompress(target.baseAddress, target.count, source.baseAddress, source.count)
            return ZSTD_isError(length) == 0 ? length : -1
        }
        return unsafe Int(
            LZ4_decompress_safe(
                source.baseAddress?.assumingMemoryBound(to: CChar.self),
                target.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(source.count),
                Int32(target.count)
            )
        )
    }
}
