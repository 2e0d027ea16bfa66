import EventJSON
import Testing

@Suite struct ReadThroughTests {
    private let text = #"{"a":{"b":1,"c":[1,2]},"n":null,"s":"x"}"#

    /// What a reader finds at `path` after `change`: the bytes, "changed", or nil.
    private func found(_ path: JSONPath, after change: (inout JSONEdits, JSONTape) throws -> Void) throws -> String? {
        var tape = JSONTape()
        try tape.parse(Array(text.utf8))
        var edits = JSONEdits()
        try change(&edits, tape)
        switch edits.find(path, of: tape.root, in: tape) {
        case .untouched(let node): return String(decoding: tape.written(node), as: UTF8.self)
        case .changed: return "changed"
        case .missing: return nil
        }
    }

    @Test func `What no change touches is read from the text`() throws {
        let change = { (edits: inout JSONEdits, tape: JSONTape) in
            try edits.set("a.b", of: tape.root, in: tape, to: 2)
            try edits.set("new.deep", of: tape.root, in: tape, to: 3)
            try edits.remove("s", of: tape.root, in: tape)
        }
        #expect(try found("a.c", after: change) == "[1,2]")
        #expect(try found("a.c[1]", after: change) == "2")
        #expect(try found("n", after: change) == "null")
        #expect(try found("a.b", after: change) == "changed")
        #expect(try found("a", after: change) == "changed")
        #expect(try found("", after: change) == "changed")
        #expect(try found("new", after: change) == "changed")
        #expect(try found("new.deep", after: change) == "changed")
        #expect(try found("s", after: change) == nil)
        #expect(try found("none", after: change) == nil)
        #expect(try found("n.x", after: change) == nil)
        #expect(try found("a.c.x", after: change) == nil)
    }

    @Test func `Without changes the text is read`() throws {
        let nothing = { (_: inout JSONEdits, _: JSONTape) in }
        #expect(try found("a.b", after: nothing) == "1")
        #expect(try found("x", after: nothing) == nil)
    }

    @Test func `A renamed member is found under its new name only`() throws {
        let rename = { (edits: inout JSONEdits, tape: JSONTape) in
            _ = try edits.rename("a", to: "z", of: tape.root, in: tape)
        }
        #expect(try found("a", after: rename) == nil)
        #expect(try found("z.b", after: rename) == "1")
    }

    @Test func `A replaced object hides what was in it`() throws {
        let replace = { (edits: inout JSONEdits, tape: JSONTape) in
            try edits.set("a", of: tape.root, in: tape, to: 1)
        }
        #expect(try found("a.b", after: replace) == "changed")
        #expect(try found("a", after: replace) == "changed")
    }
}
