import CLeatPlugin
import Glibc
import WorkerProtocol

/// The tables by which a plugin asks the host in the middle of a call.
extension HostTables {
    static var http: leat_http_v1 {
        unsafe leat_http_v1(
            struct_size: size(of: leat_http_v1.self),
            abi_minor: 0,
            fetch: { context, requests, count, stride, sink in
                guard let context = unsafe context, let requests = unsafe requests, let sink = unsafe sink else {
                    return LEAT_E_INVALID
                }
                return unsafe StagePointer(context).fetch(requests, count, stride, sink)
            }
        )
    }

    static var secret: leat_secret_v1 {
        unsafe leat_secret_v1(
            struct_size: size(of: leat_secret_v1.self),
            abi_minor: 0,
            reference: { context, name, word in
                guard let context = unsafe context, let word = unsafe word else { return LEAT_E_INVALID }
                return unsafe StagePointer(context).reference(name, word)
            }
        )
    }
}

extension StagePointer {
    func setCalls(_ mapping: ArenaMapping) { unsafe pointer.pointee.calls = mapping }

    // MARK: Fetching

    fileprivate func fetch(
        _ requests: UnsafePointer<leat_http_request>,
        _ count: UInt32,
        _ stride: UInt32,
        _ sink: UnsafePointer<leat_response_sink>
    ) -> leat_status {
        var receiver = unsafe leat_response_sink()
        do throws(LoadFailure) {
            try unsafe Tables.copy(UnsafeRawPointer(sink), into: &receiver, "a response sink")
        } catch {
            return LEAT_E_INVALID
        }
        guard let give = unsafe receiver.response else { return LEAT_E_INVALID }
        guard (1...UInt32(HostCall.mostRequests)).contains(count) else { return LEAT_E_LIMIT }
        var copies: [PluginRequest] = []
        for place in 0..<Int(count) {
            let request = unsafe UnsafeRawPointer(requests) + place * Int(stride)
            guard let copy = unsafe RequestSink.fetching(request, self) else { return LEAT_E_INVALID }
            copies.append(copy)
        }
        let answer: Answer
        switch ask(.fetch(copies)) {
        case .answer(let given): answer = given
        case .status(let status): return status
        }
        unsafe pointer.pointee.isCalling = true
        defer { unsafe pointer.pointee.isCalling = false }
        var table = EventTable()
        do throws(ArenaError) {
            let arena = try InputArenaReader(answer.memory)
            guard arena.head.kind == .fetched, arena.count == copies.count else { return LEAT_E_INTERNAL }
            try table.fillResponses(arena)
        } catch {
            return LEAT_E_INTERNAL
        }
        return unsafe table.withResponses(BatchHead.none) { batch in
            for place in unsafe 0..<batch.pointee.count {
                unsafe give(receiver.ctx, place, batch.pointee.responses + Int(place))
            }
            return LEAT_OK
        }
    }

    // MARK: Secrets

    fileprivate func reference(_ name: leat_slice, _ word: UnsafeMutablePointer<leat_slice>) -> leat_status {
        guard unsafe pointer.pointee.admitsCaller else { return LEAT_E_CLOSED }
        let name = unsafe name.text(limit: HostCall.longestName + 1)
        guard (1...HostCall.longestName).contains(name.utf8.count) else { return LEAT_E_INVALID }
        if let known = unsafe pointer.pointee.secretWords[name] {
            unsafe word.pointee = known
            return LEAT_OK
        }
        switch ask(.reference(name)) {
        case .status(let status): return status
        case .answer(let answer):
            let kept = unsafe leat_slice(HostTables.keep(answer.text))
            unsafe pointer.pointee.secretWords[name] = kept
            unsafe word.pointee = kept
            return LEAT_OK
        }
    }

    // MARK: Asking

    private struct Answer {
        let memory: ArenaMemory
        let length: Int

        var text: [UInt8] { unsafe Array(memory.beginning(length)) }
    }

    private enum Asked {
        case answer(Answer)
        case status(leat_status)
    }

    /// Asks the host and waits for its answer.
    private func ask(_ call: HostCall) -> Asked {
        guard unsafe pointer.pointee.admitsCaller, unsafe !pointer.pointee.isCalling else {
            return .status(LEAT_E_CLOSED)
        }
        guard let control = unsafe pointer.pointee.control, let memory = unsafe try? pointer.pointee.calls?.memory()
        else { return .status(LEAT_E_DENIED) }
        let bytes = call.bytes
        guard bytes.count <= memory.size else { return .status(LEAT_E_LIMIT) }
        unsafe bytes.withUnsafeBytes { source in unsafe memory.write(source) }
        do throws(ArenaError) {
            try control.send(.call, values: [UInt64(bytes.count), 0, 0, 0, 0, 0])
            guard let order = try control.receive(wait: true) else { return .status(LEAT_E_INTERNAL) }
            // The host says nothing else while it owes an answer; without it this process is of no use.
            guard order.message.kind == .answer, order.attached == nil else { exit(WorkerRuntime.brokenStatus) }
            guard order.message.code == 0 else { return .status(order.message.code) }
            let length = Int(clamping: order.message.values[0])
            guard length <= memory.size else { return .status(LEAT_E_INTERNAL) }
            return .answer(Answer(memory: memory, length: length))
        } catch {
            return .status(LEAT_E_INTERNAL)
        }
    }
}

extension BatchHead {
    /// For answers that belong to no batch.
    fileprivate static var none: BatchHead {
        BatchHead(kind: .fetched, batch: 0, deadlineNanoseconds: 0, wallNanoseconds: 0)
    }
}
