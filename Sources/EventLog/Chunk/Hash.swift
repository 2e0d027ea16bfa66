import CHashing

/// The 128-bit hash by which a message id is known in the log.
package struct MessageHash: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// The hashes that a chunk's directory holds.
///
/// They are stored, so the function may never change: XXH3 without a seed.
/// - Source: the XXH3 specification in `xxhash.h`.
package enum EventHash {
    /// Of a user key or an event's name.
    package static func key(_ bytes: [UInt8]) -> UInt64 { key(bytes.span) }
    package static func key(_ bytes: ArraySlice<UInt8>) -> UInt64 { key(bytes.span) }

    /// Of a message id.
    package static func message(_ bytes: [UInt8]) -> MessageHash {
        unsafe bytes.span.withUnsafeBufferPointer { buffer in
            let hash = unsafe XXH3_128bits(buffer.baseAddress, buffer.count)
            return MessageHash(high: hash.high64, low: hash.low64)
        }
    }

    /// Of text in its UTF-8 form.
    package static func key(_ text: String) -> UInt64 { key(Array(text.utf8)) }
    package static func message(_ text: String) -> MessageHash { message(Array(text.utf8)) }

    private static func key(_ bytes: Span<UInt8>) -> UInt64 {
        unsafe bytes.withUnsafeBufferPointer { unsafe XXH3_64bits($0.baseAddress, $0.count) }
    }
}
