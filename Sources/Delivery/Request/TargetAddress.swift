/// An absolute `http` or `https` address, taken apart strictly.
///
/// Only the characters of RFC 3986 are let through, so no two readers of the same text can disagree on its host: that
/// is what a permission is checked against.
///
/// - Source: RFC 3986, sections 2 and 3.
package struct TargetAddress: Equatable, Sendable {
    /// The two schemes that are ever sent to.
    package enum Scheme: String, Sendable {
        case http
        case https
        var port: Int { self == .http ? 80 : 443 }
    }

    package let scheme: Scheme
    /// In lower case; an IPv6 address without its brackets.
    package let host: String
    package let port: Int
    /// Path and query as they are sent; begins with `/`.
    package let path: String

    /// - Unit: bytes.
    package static let maximumLength = 8 * 1024

    package init(_ text: String) throws(DeliveryError) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.maximumLength else { throw .address("it is too long") }
        guard bytes.allSatisfy(Self.isAllowed) else { throw .address("it holds a character that must be escaped") }
        let rest: ArraySlice<UInt8>
        if Self.hasPrefix("http://", bytes) {
            scheme = .http
            rest = bytes[7...]
        } else if Self.hasPrefix("https://", bytes) {
            scheme = .https
            rest = bytes[8...]
        } else {
            throw .address("its scheme is neither http nor https")
        }
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains(UInt8(ascii: "@")) else { throw .credentialsInAddress }
        (host, port) = try Self.parse(authority: authority, scheme: scheme)
        let tail = String(decoding: rest[end...], as: UTF8.self)
        path = tail.hasPrefix("/") ? tail : "/" + tail
    }

    private static func parse(
        authority: ArraySlice<UInt8>,
        scheme: Scheme
    ) throws(DeliveryError) -> (String, Int) {
        let host: ArraySlice<UInt8>
        let port: ArraySlice<UInt8>
        if authority.first == UInt8(ascii: "[") {
            guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else {
                throw .address("its host is not closed")
            }
            host = authority[authority.startIndex + 1..<close]
            port = authority[(close + 1)...]
            guard host.allSatisfy({ isHexadecimal($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }) else {
                throw .address("its host is not an IPv6 address")
            }
        } else {
            let colon = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
            host = authority[..<colon]
            port = authority[colon...]
            guard host.allSatisfy(isHostCharacter) else { throw .address("its host is not a name or an address") }
        }
        guard !host.isEmpty, host.count <= 253 else { throw .address("its host is empty or too long") }
        let name = String(decoding: host, as: UTF8.self).lowercased()
        if port.isEmpty { return (name, scheme.port) }
        guard port.first == UInt8(ascii: ":"), let number = Int(String(decoding: port.dropFirst(), as: UTF8.self)),
            (1...65_535).contains(number)
        else { throw .address("its port is not a number from 1 to 65535") }
        return (name, number)
    }

    private static func hasPrefix(_ prefix: StaticString, _ bytes: [UInt8]) -> Bool {
        let prefix = prefix.description.utf8
        return bytes.count >= prefix.count && zip(bytes, prefix).allSatisfy { isEqualIgnoringCase($0, $1) }
    }

    private static func isEqualIgnoringCase(_ left: UInt8, _ right: UInt8) -> Bool {
        left == right || ((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(left) && left | 0x20 == right)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
    }

    /// Unreserved and reserved characters and `%`, without `#`: a fragment is never sent.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || allowedMarks.contains(byte)
    }
    private static let allowedMarks = Set("-._~:/?[]@!$&'()*+,;=%".utf8)
}
