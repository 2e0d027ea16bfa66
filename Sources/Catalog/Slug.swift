/// The names of sources and destinations: short, and safe in a path, a label and a file name.
///
/// - Shape: 1 to 63 characters of `a-z`, `0-9` and `-`.
package enum Slug {
    package static let maximumLength = 63

    package static func isValid(_ text: String) -> Bool {
        (1...maximumLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    /// Whether the text can be a plugin's id: a reverse domain name such as `com.example.mask-email`.
    package static func isPluginID(_ text: String) -> Bool {
        pluginIDLengths.contains(text.utf8.count)
            && text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    /// Whether the text can be a plugin's version, such as `1.4.0` or `2.0.0-rc.1`.
    package static func isVersion(_ text: String) -> Bool {
        (1...maximumVersionLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                isLetterOrDigit(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+")
            }
            && text.utf8.first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } == true
    }

    private static let pluginIDLengths = 3...100
    private static let maximumVersionLength = 64

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
