/// The parameters after the `?` of a request, decoded, in the order in which they were sent.
///
/// - Source: WHATWG URL, application/x-www-form-urlencoded parsing.
struct RequestQuery: Equatable, Sendable {
    private(set) var parameters: [(name: String, value: String)] = []

    static func == (left: Self, right: Self) -> Bool {
        left.parameters.elementsEqual(right.parameters) { $0 == $1 }
    }

    /// Reads `text`, the part after the `?`; parameters beyond `limit` are ignored.
    init(_ text: some StringProtocol, limit: Int = Self.parameterLimit) {
        for pair in text.split(separator: "&", omittingEmptySubsequences: true).prefix(limit) {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = halves.count == 2 ? Self.decode(halves[1].utf8) : ""
            parameters.append((Self.decode(halves[0].utf8), value))
        }
    }

    /// The most parameters that are read from one request.
    static let parameterLimit = 256

    /// The first value under `name`.
    subscript(name: String) -> String? {
        parameters.first { $0.name == name }?.value
    }

    /// Undoes percent and plus encoding; a `%` without two digits stands for itself, and what is not UTF-8 is repaired.
    private static func decode(_ text: some Collection<UInt8>) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text.makeIterator()
        var pending: [UInt8] = []
        while let byte = pending.popLast() ?? rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                continue
            }
            let first = pending.popLast() ?? rest.next()
            let second = pending.popLast() ?? rest.next()
            if let first, let second, let high = digit(first), let low = digit(second) {
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte)
                if let second { pending.append(second) }
                if let first { pending.append(first) }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
