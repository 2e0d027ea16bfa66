/// The write key that an `Authorization: Basic` header carries as the user name; the password is not looked at.
///
/// - Source: RFC 7617.
enum BasicCredentials {
    /// What a header says about the write key.
    enum Reading: Equatable, Sendable {
        /// There is no header, or it is of another scheme: the key may be elsewhere.
        case none
        /// The header claims to be Basic and holds no user name.
        case malformed
        case writeKey(String)
    }

    /// The longest header that is decoded, in bytes.
    static let headerBytes = 1024

    static func read(_ header: String?) -> Reading {
        guard let header else { return .none }
        let text = header.utf8
        let scheme = text.prefix { $0 != UInt8(ascii: " ") }
        guard scheme.count == 5, scheme.elementsEqual("basic".utf8, by: { $0 | 0x20 == $1 }) else { return .none }
        guard text.count <= headerBytes,
            let decoded = base64(text.dropFirst(scheme.count).drop { $0 == UInt8(ascii: " ") })
        else { return .malformed }
        let user = decoded.prefix { $0 != UInt8(ascii: ":") }
        guard !user.isEmpty, let key = String(validating: user, as: UTF8.self) else { return .malformed }
        return .writeKey(key)
    }

    /// Decodes standard or URL-safe base64, padded or not; nil for anything else.
    private static func base64(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var held = 0
        var padded = false
        for character in text {
            if character == UInt8(ascii: "=") {
                padded = true
                continue
            }
            guard !padded, let value = sextet(character) else { return nil }
            bits = bits << 6 | UInt32(value)
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        return held == 6 ? nil : bytes
    }

    private static func sextet(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
