@testable import EventJSON

/// The UTF-8 bytes of `text`.
func utf8(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

/// A tape of `text`.
func tape(_ text: String, limits: JSONLimits = .request) throws(JSONError) -> JSONTape {
    var tape = JSONTape(limits: limits)
    try tape.parse(utf8(text))
    return tape
}

/// What is wrong with `bytes`, or nil.
func refusal(of bytes: [UInt8], limits: JSONLimits = .request) -> JSONError? {
    var tape = JSONTape(limits: limits)
    do throws(JSONError) {
        try tape.parse(bytes)
        return nil
    } catch {
        return error
    }
}

/// `text` after `change`.
func edited(
    _ text: String,
    _ change: (inout JSONEdits, JSONTape, JSONNode) throws -> Void
) throws -> String {
    let tape = try tape(text)
    var edits = JSONEdits()
    try change(&edits, tape, tape.root)
    var output: [UInt8] = []
    edits.write(tape.root, of: tape, into: &output)
    return String(decoding: output, as: UTF8.self)
}
