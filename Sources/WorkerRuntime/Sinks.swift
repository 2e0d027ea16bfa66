import CLeatPlugin
import WorkerProtocol

/// The functions through which a plugin gives its verdicts; each forwards to the stage that `ctx` points to.
///
/// Their checks are a courtesy with clear status values. The host repeats all of them on what it finds in the arena.
enum Sinks {
    static func transform(_ stage: StagePointer) -> leat_transform_sink {
        var sink = unsafe leat_transform_sink()
        unsafe sink.struct_size = HostTables.size(of: leat_transform_sink.self)
        unsafe sink.ctx = stage.context
        unsafe sink.begin = begin
        unsafe sink.emit = { context, index, json, metadata in
            guard let stage = unsafe Sinks.admitted(context) else { return LEAT_E_CLOSED }
            return unsafe stage.pointee.output.emit(index, json.bytes, metadata: metadata.bytes).rawValue
        }
        unsafe sink.reserve = { context, length in
            guard let stage = unsafe Sinks.admitted(context), length <= UInt64(Int32.max) else { return nil }
            return unsafe stage.pointee.output.reserve(Int(length))?.baseAddress?.assumingMemoryBound(to: UInt8.self)
        }
        unsafe sink.commit = { context, index, length in
            guard let stage = unsafe Sinks.admitted(context) else { return LEAT_E_CLOSED }
            return unsafe stage.pointee.output.commitReserved(index, length: Int(clamping: length)).rawValue
        }
        unsafe sink.emit_edits = { context, index, edits, count in
            guard let stage = unsafe Sinks.admitted(context) else { return LEAT_E_CLOSED }
            return unsafe Sinks.emitEdits(stage, index, edits, count).rawValue
        }
        unsafe sink.drop = drop
        unsafe sink.fail = fail
        return unsafe sink
    }

    static func request(_ stage: StagePointer) -> leat_request_sink {
        var sink = unsafe leat_request_sink()
        unsafe sink.struct_size = HostTables.size(of: leat_request_sink.self)
        unsafe sink.ctx = stage.context
        unsafe sink.begin = begin
        unsafe sink.request = { context, request in
            guard let stage = unsafe Sinks.admitted(context) else { return LEAT_E_CLOSED }
            return unsafe RequestSink.take(request, stage).rawValue
        }
        unsafe sink.drop = drop
        unsafe sink.fail = fail
        return unsafe sink
    }

    static func classify(_ stage: StagePointer) -> leat_classify_sink {
        var sink = unsafe leat_classify_sink()
        unsafe sink.struct_size = HostTables.size(of: leat_classify_sink.self)
        unsafe sink.ctx = stage.context
        unsafe sink.set = { context, response, event, verdict, retryAfter, code, message in
            guard let stage = unsafe Sinks.admitted(context) else { return LEAT_E_CLOSED }
            guard [LEAT_OK, LEAT_E_RETRY, LEAT_E_PERMANENT].contains(verdict) else { return LEAT_E_INVALID }
            return unsafe stage.pointee.output.classification(
                response: response,
                event: event,
                verdict: verdict,
                retryAfterMilliseconds: retryAfter,
                code: code.bytes,
                message: message.bytes
            ).rawValue
        }
        return unsafe sink
    }

    // MARK: Shared by the sinks

    /// The stage, if a sink may be used now by whoever calls.
    static func admitted(_ context: OpaquePointer?) -> UnsafeMutablePointer<PluginStage>? {
        guard let context = unsafe context else { return nil }
        let stage = unsafe StagePointer(context).pointer
        return unsafe stage.pointee.admitsCaller ? stage : nil
    }

    private static var begin: @convention(c) (OpaquePointer?, UInt32) -> Void {
        { context, index in
            if let stage = unsafe Sinks.admitted(context) { unsafe stage.pointee.output.progress(index) }
        }
    }

    private static var drop: @convention(c) (OpaquePointer?, UInt32, leat_slice) -> leat_status {
        { context, index, reason in
            guard let stage = unsafe Sinks.admitted(context) else { return LEAT_E_CLOSED }
            return unsafe stage.pointee.output.drop(index, reason: reason.bytes).rawValue
        }
    }

    private static var fail: @convention(c) (OpaquePointer?, UInt32, leat_status, leat_slice, leat_slice) -> leat_status
    {
        { context, index, error, code, message in
            guard let stage = unsafe Sinks.admitted(context) else { return LEAT_E_CLOSED }
            let failure = FailureClass(status: error)
            return unsafe stage.pointee.output.fail(index, failure, code: code.bytes, message: message.bytes).rawValue
        }
    }

    private static func emitEdits(
        _ stage: UnsafeMutablePointer<PluginStage>,
        _ index: UInt32,
        _ edits: UnsafePointer<leat_edit>?,
        _ count: UInt32
    ) -> SinkStatus {
        guard let length = unsafe stage.pointee.input?.jsonCount(index), unsafe count == 0 || edits != nil,
            count <= mostEdits
        else {
            return .invalid
        }
        return unsafe stage.pointee.output.edits(index, inputLength: length, count: Int(count)) { number in
            guard let edits = unsafe edits else { return ArenaEdit.nothing }
            let edit = unsafe edits[number]
            return unsafe ArenaEdit(offset: edit.offset, remove: edit.remove, insert: edit.insert.bytes)
        }
    }

    /// The most edits of one event.
    private static let mostEdits: UInt32 = 65_536
}
