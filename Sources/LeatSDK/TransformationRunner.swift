import CLeatPlugin

/// Runs a transformation over the events of a batch, with one event's memory for all of them.
final class TransformationRunner<T: Transformation>: Runner {
    private var transformation: T
    private var event = Event()

    init(_ transformation: T) { self.transformation = transformation }

    override func process(
        _ batch: UnsafePointer<leat_batch>,
        _ sink: UnsafePointer<leat_transform_sink>
    ) -> leat_status {
        for place in 0..<(unsafe batch.pointee.count) {
            guard let entry = unsafe leat_event_at(batch, place) else { continue }
            let index = unsafe entry.pointee.index
            unsafe sink.pointee.begin(sink.pointee.ctx, index)
            do {
                try unsafe event.load(entry, sink)
                try unsafe settle(transformation.transform(&event), index, sink)
            } catch {
                unsafe fail(index, Failure(error), sink)
            }
        }
        event.unload()
        return LEAT_OK
    }

    private func settle(_ verdict: Verdict, _ index: UInt32, _ sink: UnsafePointer<leat_transform_sink>) throws {
        if let refused = event.refused { throw refused }
        switch verdict {
        case .keep: _ = event.give()
        case .drop(let reason):
            _ = unsafe reason.withSlice { reason in unsafe sink.pointee.drop(sink.pointee.ctx, index, reason) }
        case .split:
            guard event.parts == 0 else { return }
            let reason = "split into no parts"
            _ = unsafe reason.withSlice { reason in unsafe sink.pointee.drop(sink.pointee.ctx, index, reason) }
        }
    }

    private func fail(_ index: UInt32, _ failure: Failure, _ sink: UnsafePointer<leat_transform_sink>) {
        unsafe failure.code.withSlice { code in
            unsafe failure.message.withSlice { message in
                _ = unsafe sink.pointee.fail(sink.pointee.ctx, index, failure.status, code, message)
            }
        }
    }
}
