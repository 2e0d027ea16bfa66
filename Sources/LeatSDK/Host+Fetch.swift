import CLeatPlugin

/// What a plugin asks the server for in the middle of its work.
///
/// The manifest must say `"determinism": "impure"`, name the addresses under `permissions.http` and the secrets under
/// `permissions.secrets`. The deadline goes on meanwhile, and an event may be tried again, so ask for what can be asked
/// twice. In a rehearsal, as when an event's way is recomputed, nothing is sent and everything here fails.
extension Host {
    /// Sends a request and waits for the answer.
    ///
    /// ```swift
    /// var request = Request(.get, url: "https://prices.example.com/v1/\(id)")
    /// request.secret = "prices-key"
    /// let answer = try Host.fetch(request)
    /// guard answer.status == 200 else { throw Failure(.retry, code: "no_price", message: answer.problem) }
    /// ```
    /// - Parameter request: What to send. `idempotencyKey` is sent when it is given; `orderingKey` means nothing here.
    /// - Returns: The answer; one whose status is 0 never came, and its ``Response/problem`` says why.
    /// - Throws: ``Failure`` when the server does not do it: `fetch_denied`, `fetch_invalid`, `fetch_limit`.
    public static func fetch(_ request: Request) throws(Failure) -> Response {
        let answers = try fetch([request])
        guard let answer = answers.first else { throw failure(LEAT_E_INTERNAL) }
        return answer
    }

    /// Sends up to 64 requests at the same time and waits for all answers.
    ///
    /// - Parameter requests: What to send.
    /// - Returns: One answer for each, in their order. Of the bodies together no more than 8 MiB are given.
    /// - Throws: ``Failure`` as for one request.
    public static func fetch(_ requests: [Request]) throws(Failure) -> [Response] {
        guard !requests.isEmpty else { return [] }
        guard let http = unsafe tables.http else { throw failure(LEAT_E_UNSUPPORTED) }
        let answers = Answers()
        let context = unsafe Unmanaged.passUnretained(answers).toOpaque()
        var list: [leat_http_request] = unsafe []
        let status = unsafe withTables(requests[...], &list) { list in
            unsafe list.withUnsafeBufferPointer { list in
                var sink = unsafe leat_response_sink(
                    struct_size: UInt32(MemoryLayout<leat_response_sink>.size),
                    abi_minor: 0,
                    ctx: context,
                    response: { context, _, response in
                        guard let context = unsafe context, let response = unsafe response else { return }
                        let answers = unsafe Unmanaged<Answers>.fromOpaque(context).takeUnretainedValue()
                        unsafe answers.list.append(Response(response))
                    }
                )
                let stride = unsafe UInt32(MemoryLayout<leat_http_request>.stride)
                return unsafe http.pointee.fetch(tables.context, list.baseAddress, UInt32(list.count), stride, &sink)
            }
        }
        guard status == LEAT_OK else { throw failure(status) }
        return withExtendedLifetime(answers) { answers.list }
    }

    private final class Answers {
        var list: [Response] = []
    }

    /// Calls `body` once every request is in the list.
    private static func withTables(
        _ rest: ArraySlice<Request>,
        _ list: inout [leat_http_request],
        _ body: ([leat_http_request]) -> leat_status
    ) -> leat_status {
        guard let first = rest.first else { return unsafe body(list) }
        var longer = unsafe list
        return unsafe first.withTable { table in
            unsafe longer.append(table)
            return unsafe withTables(rest.dropFirst(), &longer, body)
        }
    }

    /// The word that stands for a secret in a request.
    ///
    /// For where ``Request/secret`` cannot say it: in an address, a header or a body. The server puts the value in its place;
    /// the plugin never sees it.
    ///
    /// - Parameter name: The secret's name, which the manifest must permit.
    /// - Returns: The word, the same until the process ends.
    /// - Throws: ``Failure``: `fetch_denied` where it is not permitted, `fetch_invalid` where there is no such secret.
    public static func word(forSecret name: String) throws(Failure) -> String {
        guard let secret = unsafe tables.secret else { throw failure(LEAT_E_UNSUPPORTED) }
        var word = unsafe leat_slice()
        let status = unsafe name.withSlice { name in unsafe secret.pointee.reference(tables.context, name, &word) }
        guard status == LEAT_OK else { throw failure(status) }
        return unsafe word.text
    }

    private static func failure(_ status: leat_status) -> Failure {
        switch status {
        case LEAT_E_DENIED, LEAT_E_UNSUPPORTED:
            Failure(code: "fetch_denied", message: "the plugin may not ask the server for this")
        case LEAT_E_INVALID:
            Failure(code: "fetch_invalid", message: "the server does not know this, or a request breaks a rule")
        case LEAT_E_LIMIT: Failure(code: "fetch_limit", message: "the plugin asks for more than one call may")
        case LEAT_E_CLOSED:
            Failure(code: "fetch_closed", message: "the server can be asked on the instance thread only")
        default: Failure(.retry, code: "fetch_failed", message: "the server could not do it")
        }
    }
}
