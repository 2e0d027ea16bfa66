import CLeatPlugin
import WorkerProtocol

extension leat_slice {
    /// A view that is valid as long as the bytes behind it.
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.init(ptr: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), len: UInt64(bytes.count))
    }

    static var empty: leat_slice { unsafe leat_slice(ptr: nil, len: 0) }

    /// The bytes; nothing when the pointer is null or the length is no length.
    var bytes: UnsafeRawBufferPointer {
        guard let ptr = unsafe ptr, unsafe len > 0, unsafe len <= UInt64(Int.max) else {
            return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return unsafe UnsafeRawBufferPointer(start: ptr, count: Int(len))
    }

    /// The bytes as text of at most `limit` bytes.
    func text(limit: Int = 1024) -> String { unsafe String(decoding: bytes.prefix(limit), as: UTF8.self) }
}

/// Copies of structs that the plugin owns, as far as both sides know them.
enum Tables {
    /// No honest struct of this contract is larger, in bytes.
    private static let largest = 64 * 1024

    /// Copies a struct that begins with its own size into a zeroed one of ours.
    ///
    /// - Throws: `LoadFailure` when the pointer is null or misaligned, or the size is below version 1.0's or absurd.
    static func copy<Table>(
        _ pointer: UnsafeRawPointer?,
        into table: inout Table,
        _ name: String
    ) throws(LoadFailure) {
        guard let pointer = unsafe pointer else { throw LoadFailure(.abiMismatch, "\(name) is null") }
        guard UInt(bitPattern: pointer) % UInt(MemoryLayout<Table>.alignment) == 0 else {
            throw LoadFailure(.abiMismatch, "\(name) is not aligned")
        }
        let size = Int(unsafe pointer.load(as: UInt32.self))
        let own = MemoryLayout<Table>.size
        // This is version 1.0, so what we know is what every plugin must have.
        guard size >= own, size <= largest else {
            throw LoadFailure(.abiMismatch, "\(name) says it has \(size) bytes; version 1.0 has \(own)")
        }
        unsafe withUnsafeMutableBytes(of: &table) { copy in
            unsafe copy.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: own))
        }
    }
}
