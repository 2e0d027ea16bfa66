import CLinux
import Glibc
package import WorkerProtocol

/// A memory file and a mapping of it, as a worker's arena is in the host.
@safe package final class MappedFile {
    package let file: Int32
    private let base: UnsafeMutableRawPointer
    private let count: Int

    /// There is no memory.
    private struct None: Error {}

    package init(bytes: Int) throws {
        file = unsafe leat_memory_file("test", UInt64(bytes))
        count = bytes
        guard file >= 0, let base = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) else {
            throw None()
        }
        unsafe self.base = base
    }

    deinit {
        unsafe munmap(base, count)
        close(file)
    }

    package var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    package func memory() throws -> ArenaMemory {
        try unsafe ArenaMemory(UnsafeMutableRawBufferPointer(start: base, count: count))
    }
}
