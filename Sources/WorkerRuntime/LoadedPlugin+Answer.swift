import CLeatPlugin
import WorkerProtocol

extension LoadedPlugin {
    /// Runs the batch in the input arena; what the plugin says of it goes through the sinks into the output arena.
    ///
    /// - Returns: The plugin's status for the batch.
    /// - Throws: `ArenaError` when the host asks for what this plugin is not.
    func answer(
        _ arena: InputArenaReader,
        _ stage: StagePointer,
        _ events: inout EventTable
    ) throws(ArenaError) -> leat_status {
        stage.open(arena)
        let status: leat_status
        switch arena.head.kind {
        case .transform:
            guard let process = unsafe transform?.process else { throw .violation("the plugin is no transformation") }
            try events.fill(arena, stage)
            var sink = unsafe Sinks.transform(stage)
            status = unsafe events.withBatch(arena.head, context: arena.context) { batch in
                unsafe process(instance, batch, &sink)
            }
        case .build:
            guard let build = unsafe request?.build else { throw .violation("the plugin is no connector") }
            try events.fill(arena, stage)
            var sink = unsafe Sinks.request(stage)
            status = unsafe events.withBatch(arena.head, context: arena.context) { batch in
                unsafe build(instance, batch, &sink)
            }
        case .classify:
            guard let classify = unsafe request?.classify else { return LEAT_E_UNSUPPORTED }
            try events.fillResponses(arena)
            var sink = unsafe Sinks.classify(stage)
            status = unsafe events.withResponses(arena.head) { batch in unsafe classify(instance, batch, &sink) }
        case .load, .fetched: throw .violation("something else came in place of a batch")
        }
        // A positive status is none of this contract.
        return status > 0 ? LEAT_E_INTERNAL : status
    }
}
