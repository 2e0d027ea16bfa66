import WorkerProtocol

/// What the owner writes for the worker to read.
extension Worker {
    /// Writes a batch.
    ///
    /// - Returns: The bytes of its payload; nil when it does not fit.
    func write(_ inputs: BatchInputs, _ head: BatchHead) -> Int? {
        write(head) { $0.append(inputs) }
    }

    /// Writes what the plugin is created from.
    ///
    /// - Returns: False when it does not fit.
    func write(_ request: LoadRequest, _ head: BatchHead) -> Bool {
        write(head) { $0.append(request) } != nil
    }

    private func write(_ head: BatchHead, _ append: (inout InputArenaWriter) -> Bool) -> Int? {
        let arena = arenas.input
        guard let memory = unsafe try? ArenaMemory(arena.memory) else { return nil }
        var writer = InputArenaWriter(memory, head)
        guard append(&writer) else { return nil }
        writer.finish()
        return withExtendedLifetime(arena) { writer.payloadBytes }
    }
}
