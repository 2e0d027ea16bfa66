import CSharedMemory

/// The way to bytes that another process may change at any moment.
package enum SharedBytes {
    /// A private copy of the first `count` bytes, each of them read once.
    package static func copy(_ shared: UnsafeRawBufferPointer, count: Int) -> [UInt8] {
        unsafe copy(shared, at: 0, count: min(max(0, count), shared.count), of: UInt8.self)
    }

    /// A private copy of elements that begin at `offset`; the caller knows that they are there.
    static func copy<Element: BitwiseCopyable>(
        _ shared: UnsafeRawBufferPointer,
        at offset: Int,
        count: Int,
        of element: Element.Type
    ) -> [Element] {
        guard let base = shared.baseAddress, count > 0 else { return [] }
        return unsafe [Element](unsafeUninitializedCapacity: count) { copy, filled in
            unsafe leat_shared_copy(copy.baseAddress, base + offset, count * MemoryLayout<Element>.size)
            filled = count
        }
    }
}
