import EventModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How a text is written where it must not be taken for something else.
enum SecretForm: CaseIterable {
    case raw
    /// In an address or a form.
    /// - Source: RFC 3986, section 2.1.
    case percent
    /// The same with small digits.
    case smallPercent
    /// In a JSON text.
    case json
    /// The same with its slashes escaped, as some write it.
    case jsonSlashes
    case base64
    /// - Source: RFC 4648, section 5.
    case base64URL

    /// The form that a body of this type wants.
    init(forContentType type: String) {
        let kind = type.lowercased().prefix { $0 != ";" }.filter { $0 != " " }
        if kind.hasSuffix("json") {
            self = .json
        } else {
            self = kind == "application/x-www-form-urlencoded" ? .percent : .raw
        }
    }

    func bytes(of value: SecretValue) -> [UInt8] { value.reveal { bytes(of: $0[...]) } }

    func bytes(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        switch self {
        case .raw: Array(bytes)
        case .percent: Self.percentEncoded(bytes, digits: "0123456789ABCDEF")
        case .smallPercent: Self.percentEncoded(bytes, digits: "0123456789abcdef")
        case .json: Self.jsonEscaped(bytes, slashes: false)
        case .jsonSlashes: Self.jsonEscaped(bytes, slashes: true)
        case .base64: Array(Data(bytes).base64EncodedString().utf8)
        case .base64URL: Self.base64URLDigits(bytes)
        }
    }

    private static func percentEncoded(_ bytes: ArraySlice<UInt8>, digits: StaticString) -> [UInt8] {
        let digits = Array(digits.description.utf8)
        var out: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: out.append(byte)
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return out
    }

    private static func jsonEscaped(_ bytes: ArraySlice<UInt8>, slashes: Bool) -> [UInt8] {
        var out: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "/") where slashes: out += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\t"): out += Array("\\t".utf8)
            default: out.append(byte)
            }
        }
        return out
    }

    /// The digits in Base64 that are the same whatever stands before and behind, at each of the three places in a group.
    static func base64Cores(of bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        (0..<3).flatMap { offset in
            let padded = [UInt8](repeating: 0, count: offset) + bytes
            return [base64.bytes(of: padded[...]), base64URL.bytes(of: padded[...])].map { digits in
                // Eight bits of each byte, six of each digit.
                let first = (offset * 8 + 5) / 6
                return Array(digits[first..<(padded.count * 8 / 6)])
            }
        }
    }

    /// Without the padding, which is not always written.
    private static func base64URLDigits(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        Data(bytes).base64EncodedString().utf8.compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: byte
            }
        }
    }
}
