import CSharedMemory

extension OutputArenaReader {
    /// How far the worker seems to be: a number that changes while it goes on.
    ///
    /// Only a hint.
    package static func progress(_ shared: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = shared.baseAddress, shared.count >= ArenaLayout.smallestBytes else { return 0 }
        func word(_ position: Int) -> UInt64 {
            UInt64(unsafe leat_shared_load_acquire((base + position).assumingMemoryBound(to: UInt32.self)))
        }
        return word(ArenaLayout.Output.progress) << 32 | word(ArenaLayout.Output.committed)
    }
}
