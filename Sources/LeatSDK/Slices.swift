import CLeatPlugin

extension leat_slice {
    /// The bytes; nothing when the pointer is null.
    var bytes: UnsafeBufferPointer<UInt8> {
        unsafe UnsafeBufferPointer(start: ptr, count: ptr == nil ? 0 : Int(clamping: len))
    }

    /// The bytes as text.
    var text: String { unsafe String(decoding: bytes, as: UTF8.self) }

    /// A view that is valid as long as the buffer.
    init(_ buffer: UnsafeBufferPointer<UInt8>) {
        unsafe self.init(ptr: buffer.baseAddress, len: UInt64(buffer.count))
    }

    /// Bytes that stay where they are until the process ends.
    init(forever text: String) {
        let place = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(text.utf8.count, 1))
        _ = unsafe place.initialize(from: text.utf8)
        unsafe self.init(ptr: UnsafePointer(place.baseAddress), len: UInt64(text.utf8.count))
    }
}

extension String {
    /// Calls `body` with the text as C sees it.
    func withSlice<Result>(_ body: (leat_slice) -> Result) -> Result {
        var copy = self
        return copy.withUTF8 { utf8 in unsafe body(leat_slice(utf8)) }
    }
}
