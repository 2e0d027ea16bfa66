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
        /// Where an address without a port goes to.
        package var port: Int { self == .http ? 80 : 443 }
    }

    package let scheme: Scheme
    /// In lower case; an IPv6 address without its brackets.
    package let host: String
    package let port: Int
    /// Path and query as they are sent; begins with `/`.
    package let path: String

    /// - Unit: bytes.
    package static let maximumLength = 8 * 1024
    /// - Unit: bytes.
    /// - Source: RFC 1035, section 2.3.4.
    private static let maximumHostLength = 253

    package init(_ text: String) throws(TargetProblem) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.maximumLength else { throw .length }
        guard bytes.allSatisfy(\.isInAddress) else { throw .character }
        let rest: ArraySlice<UInt8>
        if Self.hasPrefix("http://", bytes) {
            scheme = .http
            rest = bytes[7...]
        } else if Self.hasPrefix("https://", bytes) {
            scheme = .https
            rest = bytes[8...]
        } else {
            throw .scheme
        }
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains(UInt8(ascii: "@")) else { throw .credentials }
        (host, port) = try Self.parse(authority: authority, scheme: scheme)
        let tail = String(decoding: rest[end...], as: UTF8.self)
        path = tail.hasPrefix("/") ? tail : "/" + tail
    }

    private static func parse(
        authority: ArraySlice<UInt8>,
        scheme: Scheme
    ) throws(TargetProblem) -> (String, Int) {
        let host: ArraySlice<UInt8>
        let port: ArraySlice<UInt8>
        if authority.first == UInt8(ascii: "[") {
            guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else { throw .host }
            host = authority[authority.startIndex + 1..<close]
            port = authority[(close + 1)...]
            guard host.allSatisfy(\.isInIPv6) else { throw .host }
        } else {
            let colon = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
            host = authority[..<colon]
            port = authority[colon...]
            guard host.allSatisfy(\.isInHost) else { throw .host }
        }
        guard !host.isEmpty, host.count <= maximumHostLength else { throw .host }
        let name = String(decoding: host, as: UTF8.self).lowercased()
        if port.isEmpty { return (name, scheme.port) }
        guard port.first == UInt8(ascii: ":"), let number = Int(String(decoding: port.dropFirst(), as: UTF8.self)),
            (1...65_535).contains(number)
        else { throw .port }
        return (name, number)
    }

    /// Compares without regard to case; `prefix` is in lower case.
    private static func hasPrefix(_ prefix: StaticString, _ bytes: [UInt8]) -> Bool {
        let prefix = prefix.description.utf8
        return bytes.count >= prefix.count
            && zip(bytes, prefix).allSatisfy { $0 == $1 || ($0.isLetter && $0 | 0x20 == $1) }
    }
}

/// Why a text is no address that can be sent to.
package enum TargetProblem: Error, Equatable, CustomStringConvertible {
    case length
    case character
    case scheme
    /// It names a user or a password; credentials belong into headers.
    case credentials
    case host
    case port

    /// What follows the words "the address".
    package var description: String {
        switch self {
        case .length: "is longer than \(TargetAddress.maximumLength) bytes"
        case .character: "holds a character that must be percent-encoded, or a fragment"
        case .scheme: "does not begin with https:// or http://"
        case .credentials: "holds a user name; use a header or a secret"
        case .host: "names no host, or one that is no name and no IP address"
        case .port: "has a port that is not a number from 1 to 65535"
        }
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    fileprivate var isInHost: Bool {
        isLetter || isDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: ".") || self == UInt8(ascii: "_")
    }

    fileprivate var isInIPv6: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20) || self == UInt8(ascii: ":")
            || self == UInt8(ascii: ".")
    }

    /// Unreserved and reserved characters and `%`, without `#`: a fragment is never sent.
    fileprivate var isInAddress: Bool {
        switch self {
        // ! $ % & ' ( ) * + , - . / 0 to 9 : ;
        case 0x21, 0x24...0x3B: true
        // = ? @ A to Z [ ] _ a to z ~
        case 0x3D, 0x3F...0x5B, 0x5D, 0x5F, 0x61...0x7A, 0x7E: true
        default: false
        }
    }
}
