import CLeatPlugin

extension Request {
    /// Calls `body` with the request as C sees it, without the events that it carries.
    func withTable<Result>(_ body: (inout leat_http_request) -> Result) -> Result {
        var texts = TextBuffer()
        for word in [method.name, url, contentType, secret, idempotencyKey, orderingKey] { texts.append(word) }
        for header in headers {
            texts.append(header.name)
            texts.append(header.value)
        }
        return unsafe texts.withSlices { slices in
            unsafe self.body.withUnsafeBufferPointer { bytes in unsafe fill(slices, bytes, body) }
        }
    }

    private func fill<Result>(
        _ texts: [leat_slice],
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ body: (inout leat_http_request) -> Result
    ) -> Result {
        let headers = unsafe stride(from: 6, to: texts.count, by: 2).map { place in
            unsafe leat_header(name: texts[place], value: texts[place + 1])
        }
        return unsafe headers.withUnsafeBufferPointer { headers in
            var table = unsafe leat_http_request()
            unsafe table.struct_size = UInt32(MemoryLayout<leat_http_request>.size)
            unsafe table.method = texts[0]
            unsafe table.url = texts[1]
            unsafe table.content_type = texts[2]
            unsafe table.auth_ref = texts[3]
            unsafe table.idempotency_key = texts[4]
            unsafe table.ordering_key = texts[5]
            unsafe table.headers = headers.baseAddress
            unsafe table.header_count = UInt32(headers.count)
            unsafe table.header_stride = UInt32(MemoryLayout<leat_header>.stride)
            unsafe table.body = leat_slice(bytes)
            unsafe table.timeout_ms = UInt32(clamping: timeoutMilliseconds)
            unsafe table.user_tag = tag
            return unsafe body(&table)
        }
    }
}

/// Several texts one after the other, for a call that takes many.
private struct TextBuffer {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        ends.append(bytes.count)
    }

    func withSlices<Result>(_ body: ([leat_slice]) -> Result) -> Result {
        unsafe bytes.withUnsafeBufferPointer { bytes in
            var start = 0
            var slices: [leat_slice] = unsafe []
            for end in ends {
                unsafe slices.append(leat_slice(UnsafeBufferPointer(rebasing: bytes[start..<end])))
                start = end
            }
            return unsafe body(slices)
        }
    }
}
