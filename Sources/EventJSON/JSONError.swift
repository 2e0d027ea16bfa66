package import EventModel

/// Why a text is not accepted, or why an edit cannot be made.
///
/// - Shape: what is wrong, and the offset of the first byte that is wrong; no part of the text, so that it may be shown
///   and logged.
package struct JSONError: ClassifiedError, Equatable, Sendable {
    /// What is wrong.
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// The text ends inside a value; an empty text is such a text.
        case unexpectedEnd
        /// A byte that cannot stand where it stands.
        case unexpectedByte
        /// Something follows the document's one value.
        case trailingBytes
        /// A number that RFC 8259 does not know, such as `01`, `1.` or `+1`.
        case invalidNumber
        /// A backslash and something that is not an escape.
        case invalidEscape
        /// A control character below U+0020 inside a string, which must be escaped.
        case controlCharacter
        /// Bytes that are not UTF-8: a lone or missing continuation, an overlong form, a surrogate, above U+10FFFF.
        case invalidUTF8
        /// Objects and arrays nest more deeply than the limit.
        case tooDeep
        /// The text is longer than the limit.
        case tooLong
        /// An edit's path leads through a string, a number or a boolean.
        case notAContainer
        /// An edit's path names an index outside its array, or an index where a key is needed, or the reverse.
        case noSuchPlace
    }

    package let kind: Kind
    /// Where, in bytes from the start of the text.
    package let offset: Int

    package init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    package var code: String {
        switch kind {
        case .unexpectedEnd: "json_unexpected_end"
        case .unexpectedByte: "json_unexpected_byte"
        case .trailingBytes: "json_trailing_bytes"
        case .invalidNumber: "json_invalid_number"
        case .invalidEscape: "json_invalid_escape"
        case .controlCharacter: "json_control_character"
        case .invalidUTF8: "json_invalid_utf8"
        case .tooDeep: "json_too_deep"
        case .tooLong: "json_too_long"
        case .notAContainer: "json_not_a_container"
        case .noSuchPlace: "json_no_such_place"
        }
    }

    /// A text that is wrong stays wrong: trying again cannot help.
    package var disposition: Disposition { .bury }

    package var description: String {
        switch kind {
        case .unexpectedEnd: "the JSON text ends too early, at byte \(offset)"
        case .unexpectedByte: "the JSON text has an unexpected byte at offset \(offset)"
        case .trailingBytes: "the JSON text goes on after its value, at byte \(offset)"
        case .invalidNumber: "the JSON text has an invalid number at byte \(offset)"
        case .invalidEscape: "the JSON text has an invalid escape at byte \(offset)"
        case .controlCharacter: "the JSON text has an unescaped control character at byte \(offset)"
        case .invalidUTF8: "the JSON text is not UTF-8 at byte \(offset)"
        case .tooDeep: "the JSON text nests too deeply at byte \(offset)"
        case .tooLong: "the JSON text is longer than \(offset) bytes"
        case .notAContainer: "the path leads through a value that has no members, at byte \(offset)"
        case .noSuchPlace: "the path names a place that the value at byte \(offset) does not have"
        }
    }
}
