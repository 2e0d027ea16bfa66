/// The header by which a destination's own tracing joins the tries of one request.
///
/// The trace id is the request's idempotency key, so a retry after a crash belongs to the same trace; each try is a span
/// of its own.
///
/// - Source: W3C Trace Context, section 3.2.
enum Traceparent {
    static let header = "traceparent"

    /// - Shape: version, trace id, span id and the flag that says "sampled", in lower-case hexadecimal digits.
    static func value(_ trace: IdempotencyKey, span: UInt64) -> String {
        var text: [UInt8] = Array("00-".utf8)
        text.reserveCapacity(55)
        trace.appendText(to: &text)
        text.append(UInt8(ascii: "-"))
        // An id of zeros says that there is none.
        HexDigits.append(max(span, 1), to: &text)
        text.append(contentsOf: "-01".utf8)
        return String(decoding: text, as: UTF8.self)
    }
}
