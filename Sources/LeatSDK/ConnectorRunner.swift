import CLeatPlugin

/// Lets a connector build requests for the events of a batch.
final class ConnectorRunner<C: Connector>: Runner {
    private var connector: C
    /// Used again for every event that the connector reads; nil only while a batch holds it.
    private var event: Event? = Event()

    init(_ connector: C) { self.connector = connector }

    override func build(_ batch: UnsafePointer<leat_batch>, _ sink: UnsafePointer<leat_request_sink>) -> leat_status {
        var events = unsafe Batch(batch, reusing: event.take() ?? Event())
        var requests = unsafe RequestSink(sink, batch)
        let status = build(&events, &requests)
        event = events.finish()
        return status
    }

    override func classify(
        _ batch: UnsafePointer<leat_response_batch>,
        _ sink: UnsafePointer<leat_classify_sink>
    ) -> leat_status {
        guard let first = unsafe batch.pointee.responses else { return LEAT_OK }
        let stride = unsafe Int(batch.pointee.response_stride)
        for place in 0..<(unsafe batch.pointee.count) {
            let response = unsafe UnsafeRawPointer(first).advanced(by: Int(place) * stride)
                .assumingMemoryBound(to: leat_http_response.self)
            var answers = unsafe ResponseSink(sink, place)
            // What it throws about one answer says nothing of the next.
            try? connector.classify(unsafe Response(response), into: &answers)
        }
        return LEAT_OK
    }

    private func build(_ batch: inout Batch, _ sink: inout RequestSink) -> leat_status {
        do {
            try connector.requests(for: &batch, into: &sink)
            return LEAT_OK
        } catch {
            return Host.explain(Failure(error))
        }
    }
}
