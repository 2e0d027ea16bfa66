import CLeatPlugin
import EventModel
import WorkerProtocol

/// Takes a connector's request: copies it, checks it, and encodes it into the output arena.
enum RequestSink {
    static func take(
        _ pointer: UnsafePointer<leat_http_request>?,
        _ stage: UnsafeMutablePointer<PluginStage>
    ) -> SinkStatus {
        var request = unsafe leat_http_request()
        do throws(LoadFailure) {
            try unsafe Tables.copy(UnsafeRawPointer(pointer), into: &request, "a request")
        } catch {
            return .invalid
        }
        let indices = unsafe Array(
            UnsafeBufferPointer(start: request.event_indices, count: Int(request.event_index_count))
        )
        let eventCount = unsafe stage.pointee.output.count
        guard !indices.isEmpty, indices.count <= eventCount, indices.allSatisfy({ Int($0) < eventCount })
        else { return .invalid }
        let copy = unsafe copy(request, indices)
        if let problem = RequestRules.problem(with: copy) {
            unsafe refuse(indices, problem, stage)
            return .invalid
        }
        unsafe RequestCoding.encode(copy, into: &stage.pointee.scratch)
        return unsafe stage.pointee.output.request(stage.pointee.scratch, indices: indices)
    }

    /// A request that the plugin makes for itself; nil when it breaks a rule, and then the plugin's log says which.
    static func fetching(_ pointer: UnsafeRawPointer, _ stage: StagePointer) -> PluginRequest? {
        var request = unsafe leat_http_request()
        let problem: String?
        do throws(LoadFailure) {
            try unsafe Tables.copy(pointer, into: &request, "a request")
            let copy = unsafe copy(request, [])
            problem = RequestRules.problem(with: copy)
            if problem == nil { return copy }
        } catch {
            problem = error.text
        }
        let words = Array("a request was not sent: \(problem ?? "")".utf8)
        unsafe words.withUnsafeBytes { words in
            unsafe stage.log(LEAT_LOG_ERROR, words, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        return nil
    }

    private static func copy(_ request: leat_http_request, _ indices: [UInt32]) -> PluginRequest {
        let method = unsafe request.method.text()
        return unsafe PluginRequest(
            method: method.isEmpty ? "POST" : method,
            url: request.url.text(limit: TargetAddress.maximumLength + 1),
            headers: headers(of: request),
            body: Array(request.body.bytes)[...],
            contentType: request.content_type.text(),
            authReference: request.auth_ref.text(),
            idempotencyKey: request.idempotency_key.text(),
            orderingKey: request.ordering_key.text(),
            timeoutMilliseconds: request.timeout_ms,
            flags: request.flags,
            tag: request.user_tag,
            events: indices.map(Int.init)
        )
    }

    private static func headers(of request: leat_http_request) -> [PluginRequest.Header] {
        guard let base = unsafe UnsafeRawPointer(request.headers) else { return [] }
        // One more than may be, so that the rule is seen to be broken.
        let count = unsafe min(Int(request.header_count), RequestRules.headerCount + 1)
        return (0..<count).map { number in
            let place = unsafe base + number * Int(request.header_stride)
            let header = unsafe place.loadUnaligned(as: leat_header.self)
            return unsafe PluginRequest.Header(
                name: header.name.text(limit: RequestRules.headerNameBytes + 1),
                value: header.value.text(limit: RequestRules.headerValueBytes + 1)
            )
        }
    }

    private static func refuse(
        _ indices: [UInt32],
        _ problem: String,
        _ stage: UnsafeMutablePointer<PluginStage>
    ) {
        unsafe Array("invalid_request".utf8).withUnsafeBytes { code in
            unsafe Array(problem.utf8).withUnsafeBytes { message in
                for index in indices {
                    _ = unsafe stage.pointee.output.fail(index, .permanent, code: code, message: message)
                }
            }
        }
    }
}
