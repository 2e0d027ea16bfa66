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
    /// In lower case; an IPv6 address without its brackets and in its one spelling.
    package let host: String
    package let port: Int
    /// Path and query as they are sent; begins with `/`.
    package let path: String

    /// The address as text, in one spelling.
    package var url: String {
        let place = host.contains(":") ? "[\(host)]" : host
        return port == scheme.port
            ? "\(scheme.rawValue)://\(place)\(path)" : "\(scheme.rawValue)://\(place):\(port)\(path)"
    }

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
        let name: String
        if authority.first == UInt8(ascii: "[") {
            guard let close = authority.firstIndex(of: UInt8(ascii: "]")) else { throw .host }
            host = authority[authority.startIndex + 1..<close]
            port = authority[(close + 1)...]
            guard let address = IPAddress(String(decoding: host, as: UTF8.self)), address.family == .six else {
                throw .host
            }
            name = address.description
        } else {
            let colon = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
            host = authority[..<colon]
            port = authority[colon...]
            guard host.allSatisfy(\.isInHost), host.count <= maximumHostLength else { throw .host }
            name = String(decoding: host, as: UTF8.self).lowercased()
            guard !endsInNumber(name) || IPAddress(name) != nil else { throw .host }
        }
        guard !name.isEmpty else { throw .host }
        if port.isEmpty { return (name, scheme.port) }
        guard port.first == UInt8(ascii: ":"), let number = Int(String(decoding: port.dropFirst(), as: UTF8.self)),
            (1...65_535).contains(number)
        else { throw .port }
        return (name, number)
    }

    /// Whether some readers would take a name for an IPv4 address: `0x7f.1`, `2130706433`, `10.1`, `127.0.0.1.`.
    ///
    /// - Source: WHATWG URL, section 3.5, "ends in a number".
    private static func endsInNumber(_ name: String) -> Bool {
        var labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
        guard let last = labels.last else { return false }
        return last.allSatisfy(\.isDigit) || last.starts(with: "0x".utf8)
    }

    /// Where a `Location` header of an answer from here leads, or nil if that is nowhere to send to.
    ///
    /// A fragment is left out, since it is never sent.
    ///
    /// - Source: RFC 3986, section 5.2.
    package func resolving(_ location: String) -> TargetAddress? {
        let text = location.prefix { $0 != "#" }
        if text.contains("://"), let address = try? TargetAddress(String(text)) { return address }
        guard !text.isEmpty, !(text.prefix { $0 != "/" && $0 != "?" }).contains(":") else { return nil }
        if text.hasPrefix("//") { return try? TargetAddress("\(scheme.rawValue):\(text)") }
        let origin = String(url.dropLast(path.count))
        if text.hasPrefix("/") { return try? TargetAddress(origin + Self.flat(text)) }
        let bare = path.prefix { $0 != "?" }
        if text.hasPrefix("?") { return try? TargetAddress("\(origin)\(bare)\(text)") }
        let folder = bare[..<(bare.lastIndex(of: "/") ?? bare.startIndex)]
        return try? TargetAddress(origin + Self.flat("\(folder)/\(text)"))
    }

    /// A path without `.` and `..`.
    private static func flat(_ text: some StringProtocol) -> String {
        let path = text.prefix { $0 != "?" }
        var kept: [Substring] = []
        let steps = Substring(path).split(separator: "/", omittingEmptySubsequences: false)
        for (index, step) in steps.enumerated() {
            let isLast = index == steps.count - 1
            switch step {
            case ".": if isLast { kept.append("") }
            case "..":
                if kept.count > 1 { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(step)
            }
        }
        return kept.joined(separator: "/") + text.dropFirst(path.count)
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
