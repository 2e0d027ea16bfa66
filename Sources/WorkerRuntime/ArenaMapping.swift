import Glibc
import WorkerProtocol

/// An arena's memory file, mapped into the worker.
@safe struct ArenaMapping {
    private let base: UnsafeMutableRawPointer
    private let count: Int

    /// Maps the whole file; the descriptor may be closed afterwards.
    ///
    /// - Throws: `ArenaError.violation` when it cannot be mapped.
    init(_ file: Int32, isWritable: Bool) throws(ArenaError) {
        var facts = stat()
        guard unsafe fstat(file, &facts) == 0, facts.st_size > 0 else { throw .violation("an arena has no size") }
        count = Int(facts.st_size)
        let rights = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
        guard let base = unsafe mmap(nil, count, rights, MAP_SHARED, file, 0), unsafe base != MAP_FAILED else {
            throw .violation("an arena cannot be mapped")
        }
        unsafe self.base = base
    }

    func memory() throws(ArenaError) -> ArenaMemory {
        try unsafe ArenaMemory(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    func unmap() { unsafe munmap(base, count) }
}
