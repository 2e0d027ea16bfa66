import CLinux
import Glibc
import WorkerProtocol

/// A memory file that host and worker map, with seals that hold against the worker.
///
/// - Owner: the worker; a larger arena takes its place when a batch needs it.
@safe final class Arena: @unchecked Sendable {
    enum Direction {
        /// Host to worker: no mapping made after this one can write.
        case input
        /// Worker to host: nobody can cut it short under the host's feet.
        case output
        /// Both ways: the worker's calls and the host's answers.
        case calls
    }

    let file: Descriptor
    let size: Int
    /// The host's own mapping: read-only for output, else writable.
    private let base: UnsafeMutableRawPointer

    init(_ direction: Direction, size: Int) throws(WorkerStartError) {
        let name = "leat-\(direction)"
        let number = unsafe leat_memory_file(name, UInt64(size))
        guard number >= 0 else { throw WorkerStartError(what: "an arena", errno: -number) }
        file = Descriptor(number)
        self.size = size
        let protection = direction == .output ? PROT_READ : PROT_READ | PROT_WRITE
        guard let base = unsafe mmap(nil, size, protection, MAP_SHARED, number, 0), unsafe base != MAP_FAILED else {
            throw WorkerStartError(what: "mapping an arena", errno: errno)
        }
        unsafe self.base = base
        let sealed = direction == .input ? leat_seal_for_reading(number) : leat_seal_size(number)
        guard sealed >= 0 else { throw WorkerStartError(what: "sealing an arena", errno: -sealed) }
    }

    deinit { unsafe munmap(base, size) }

    /// The mapping, to write input; the caller must be the only one that uses this arena.
    var memory: UnsafeMutableRawBufferPointer { unsafe UnsafeMutableRawBufferPointer(start: base, count: size) }

    /// The mapping, to copy output from: the worker may change it at any moment.
    var shared: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: size) }

    /// The size to replace an arena with when `bytes` must fit: a power of two.
    ///
    /// - Returns: Nil when no arena may be that large.
    static func size(for bytes: Int) -> Int? {
        var size = ArenaLayout.firstBytes
        while size < bytes { size *= 2 }
        return size <= ArenaLayout.largestBytes ? size : nil
    }
}
