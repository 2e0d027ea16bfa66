import Testing

@testable import EventJSON

/// Changing a text and leaving the rest of it alone.
struct EditTests {
    @Test(arguments: [
        (#"{"a":1}"#, "a", #"{"a":9}"#), (#"{"a":1}"#, "b", #"{"a":1,"b":9}"#), ("{}", "a", #"{"a":9}"#),
        ("{ }", "a", #"{ "a":9}"#),
        (#"{ "a" : 1 , "b" : 2 }"#, "a", #"{ "a" : 9 , "b" : 2 }"#), (#"{ "a" : 1 }"#, "b", #"{ "a" : 1,"b":9 }"#),
        (#"{"a":{"b":1}}"#, "a.b", #"{"a":{"b":9}}"#), (#"{"a":{"b":1}}"#, "a.c", #"{"a":{"b":1,"c":9}}"#),
        (#"{"a":{}}"#, "b.c.d", #"{"a":{},"b":{"c":{"d":9}}}"#), ("{}", "a[0].b", #"{"a":[{"b":9}]}"#),
        (#"{"a":null}"#, "a.b.c", #"{"a":{"b":{"c":9}}}"#), ("null", "a", #"{"a":9}"#), ("null", "[0]", "[9]"),
        ("1", "", "9"),
        ("[1,2]", "[0]", "[9,2]"), ("[1,2]", "[2]", "[1,2,9]"), ("[]", "[0]", "[9]"), ("[[1]]", "[0][1]", "[[1,9]]"),
        (#"{"a":1,"a":2}"#, "a", #"{"a":1,"a":9}"#), (#"{"\u0061":1}"#, "a", #"{"\u0061":9}"#),
        (#"{"a":[1,{}]}"#, "a", #"{"a":9}"#),
        ("{}", #"a\.b"#, #"{"a.b":9}"#), ("{}", "a\"b", #"{"a\"b":9}"#), ("{}", "é\n", #"{"é\n":9}"#),
        ("{}", ".", #"{"":{"":9}}"#),
    ])
    func `A value is set, and what is missing on the way is made`(text: String, path: String, result: String) throws {
        #expect(try edited(text) { try $0.set(JSONPath(path), of: $2, in: $1, to: 9) } == result)
    }

    @Test(arguments: [
        (#"{"a":1}"#, "a", "{}"), (#"{"a":1,"b":2}"#, "a", #"{"b":2}"#), (#"{"a":1,"b":2}"#, "b", #"{"a":1}"#),
        (#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#, "b", #"{ "a" : 1 , "c" : 3 }"#), (#"{ "a" : 1 }"#, "a", "{  }"),
        (#"{"a":{"b":[1]},"c":2}"#, "a", #"{"c":2}"#), (#"{"a":{"b":1}}"#, "a.b", #"{"a":{}}"#),
        (#"{"a":1,"b":2,"a":3}"#, "a", #"{"b":2}"#),
        (#"{"\u0061":1}"#, "a", "{}"), (#"{"a":1}"#, "b", #"{"a":1}"#), (#"{"a":1}"#, "b.c", #"{"a":1}"#),
        ("[1,2,3]", "[0]", "[2,3]"),
        ("[1,2,3]", "[1]", "[1,3]"), ("[1,2,3]", "[2]", "[1,2]"), ("[1]", "[0]", "[]"), ("[1]", "[5]", "[1]"),
        (#"{"a":null}"#, "a.b", #"{"a":null}"#),
    ])
    func `A value is removed with its separator`(text: String, path: String, result: String) throws {
        #expect(try edited(text) { try $0.remove(JSONPath(path), of: $2, in: $1) } == result)
    }

    @Test(arguments: [
        (#"{"a":1}"#, "a", #"{"z":1}"#), (#"{"a":{"b":1.0}}"#, "a.b", #"{"a":{"z":1.0}}"#),
        (#"{"a":1,"z":2}"#, "a", #"{"z":1}"#),
        (#"{"z":1,"a":2}"#, "a", #"{"z":2}"#), (#"{"a":1,"b":2,"a":3}"#, "a", #"{"b":2,"z":3}"#),
        (#"{"b":1}"#, "a", #"{"b":1}"#),
        (#"{"z":1}"#, "a", #"{"z":1}"#), (#"{"z":1}"#, "z", #"{"z":1}"#), (#"{ "a" : 1 }"#, "a", #"{ "z" : 1 }"#),
    ])
    func `A member is renamed where it stands`(text: String, path: String, result: String) throws {
        let isThere = path != "z" && text.contains("\"a\"") || path == "z"
        let output = try edited(text) { edits, tape, root in
            let found = try edits.rename(JSONPath(path), to: "z", of: root, in: tape)
            #expect(found == isThere)
        }
        #expect(output == (isThere ? result : text))
    }

    @Test(arguments: [
        ("{}", "a", #"{"a":[9]}"#), (#"{"a":null}"#, "a", #"{"a":[9]}"#), (#"{"a":[]}"#, "a", #"{"a":[9]}"#),
        ("[ ]", "", "[ 9]"),
        (#"{"a":[1, 2 ]}"#, "a", #"{"a":[1, 2,9 ]}"#), ("[[1]]", "[0]", "[[1,9]]"), ("[]", "[0]", "[[9]]"),
        ("{}", "a.b", #"{"a":{"b":[9]}}"#),
    ])
    func `A value is appended to an array`(text: String, path: String, result: String) throws {
        #expect(try edited(text) { try $0.append(9, to: JSONPath(path), of: $2, in: $1) } == result)
    }

    @Test func `What is not touched is copied byte for byte`() throws {
        let text = #"{ "n":1.0e+2, "big" : 12345678901234567890123,  "s":"\u0041\/", "x":1, "x":1 ,"o":{ "k" : [ ] } }"#
        #expect(try edited(text) { _, _, _ in } == text)
        #expect(
            try edited(text) { try $0.set("s", of: $2, in: $1, to: .string("é\"\u{1}")) }
                == text.replacing(#""\u0041\/""#, with: #""é\"\u0001""#)
        )
        #expect(
            try edited(text) { try $0.set("o.k", of: $2, in: $1, to: .node($1.find("big") ?? $2)) }
                == text.replacing("[ ]", with: "12345678901234567890123")
        )
    }

    @Test func `Each kind of value is written as JSON writes it`() throws {
        func written(_ value: JSONValue) throws -> String {
            try edited("0") { try $0.set("", of: $2, in: $1, to: value) }
        }
        #expect(try written(nil) == "null")
        #expect(try written(true) == "true")
        #expect(try written(.int(.min)) == "-9223372036854775808")
        #expect(try written(.int(.max)) == "9223372036854775807")
        #expect(try written(0.1) == "0.1")
        #expect(try written(1e300) == "1e+300")
        #expect(try written(.double(.nan)) == "null")
        #expect(try written(.double(-.infinity)) == "null")
        #expect(try written("a\\b\u{7F}\t\u{1F}") == #""a\\b"# + "\u{7F}" + #"\t\u001f""#)
        #expect(try written(.json(utf8("{\"a\": 1}")[...])) == #"{"a": 1}"#)
    }

    @Test func `Each change sees what the earlier ones have left`() throws {
        let output = try edited(#"{"a":1,"b":2,"c":[1,2,3],"d":{"e":1}}"#) { edits, tape, root in
            try edits.set("n", of: root, in: tape, to: 1)
            try edits.set("n", of: root, in: tape, to: .json(utf8("{\"x\":1}")[...]))
            try edits.set("n.y[0]", of: root, in: tape, to: .node(tape.find("c[2]") ?? root))
            try edits.remove("n.x", of: root, in: tape)
            try edits.rename("a", to: "A", of: root, in: tape)
            try edits.set("A", of: root, in: tape, to: 5)
            try edits.rename("A", to: "AA", of: root, in: tape)
            try edits.remove("c[0]", of: root, in: tape)
            try edits.remove("c[0]", of: root, in: tape)
            try edits.append(4, to: "c", of: root, in: tape)
            try edits.set("c[2]", of: root, in: tape, to: 5)
            try edits.remove("c[1]", of: root, in: tape)
            try edits.set("d.e", of: root, in: tape, to: 2)
            try edits.set("d", of: root, in: tape, to: .json(utf8("[]")[...]))
            try edits.append("x", to: "d", of: root, in: tape)
            try edits.remove("b", of: root, in: tape)
            try edits.set("b", of: root, in: tape, to: true)
            try edits.rename("b", to: "bb", of: root, in: tape)
        }
        #expect(output == #"{"AA":5,"c":[3,5],"d":["x"],"n":{"y":[3]},"bb":true}"#)
    }

    @Test func `Removing everything and adding again leaves the separators right`() throws {
        for removed in [["a"], ["a", "b"], ["a", "b", "c"], ["c", "b", "a"], ["b", "c"], ["a", "c"]] {
            let output = try edited(#"{"a":1, "b":2, "c":3}"#) { edits, tape, root in
                for name in removed { try edits.remove(JSONPath(name), of: root, in: tape) }
                try edits.set("d", of: root, in: tape, to: 4)
                try edits.set("e", of: root, in: tape, to: 5)
                try edits.remove("d", of: root, in: tape)
            }
            let left = ["a", "b", "c"].filter { !removed.contains($0) } + ["e"]
            let tape = try tape(output)
            #expect(tape.members(of: tape.root).compactMap { tape.string($0.key) } == left)
        }
    }

    @Test func `An array is built up one element after the other`() throws {
        let output = try edited(#"{"a":1}"#) { edits, tape, root in
            for number in 0..<500 {
                try edits.append(.int(Int64(number)), to: "b.list", of: root, in: tape)
                try edits.append(.int(Int64(number)), to: "list", of: root, in: tape)
            }
            try edits.set("empty", of: root, in: tape, to: .json(utf8("[ ]")[...]))
            try edits.append("x", to: "empty", of: root, in: tape)
            #expect(edits.inserted.count < 100_000)
        }
        let numbers = (0..<500).map(String.init).joined(separator: ",")
        #expect(
            output
                == #"{"a":1,"b":{"list":[\#(numbers)]},"list":[\#(numbers)],"empty":["x"]}"#.replacing(
                    "[\"x\"]",
                    with: "[ \"x\"]"
                )
        )
    }

    @Test(.timeLimit(.minutes(1))) func `Thousands of equal names are removed in one walk`() throws {
        let text = "{" + Array(repeating: #""a":1"#, count: 20_000).joined(separator: ",") + "}"
        #expect(try edited(text) { try $0.remove("a", of: $2, in: $1) } == "{}")
        #expect(try edited(text) { try $0.rename("a", to: "b", of: $2, in: $1) } == #"{"b":1}"#)
    }

    @Test(arguments: [
        (#"{"a":1}"#, "a.b", JSONError(.notAContainer, at: 5)),
        (#"{"a":"x"}"#, "a[0]", JSONError(.notAContainer, at: 5)),
        (#"{"a":[]}"#, "a.b", JSONError(.noSuchPlace, at: 5)), (#"{"a":{}}"#, "a[0]", JSONError(.noSuchPlace, at: 5)),
        (#"{"a":[1]}"#, "a[2]", JSONError(.noSuchPlace, at: 5)), ("{}", "a[1]", JSONError(.noSuchPlace, at: 0)),
    ])
    func `A path that cannot be followed is refused and changes nothing`(
        text: String,
        path: String,
        expected: JSONError
    ) throws {
        let output = try edited(text) { edits, tape, root in
            #expect(throws: expected) { try edits.set(JSONPath(path), of: root, in: tape, to: 9) }
            #expect(edits.isEmpty)
        }
        #expect(output == text)
    }

    @Test func `A list of splices makes the same text`() throws {
        let text = #"{"batch":[{"a":1},{"a":2,"b":[1,2]},{"a":3}]}"#
        let tape = try tape(text)
        let events = Array(tape.elements(of: try #require(tape.find("batch"))))
        var edits = JSONEdits()
        try edits.set("c", of: events[1], in: tape, to: 1)
        try edits.remove("b[0]", of: events[1], in: tape)
        try edits.set("a", of: events[0], in: tape, to: 9)
        var bytes = [UInt8](tape.written(events[1]))
        var moved = 0
        edits.splices(of: events[1], in: tape) { splice, inserted in
            let start = splice.offset + moved
            bytes.replaceSubrange(start..<start + splice.removed, with: inserted.indices.map { inserted[$0] })
            moved += inserted.count - splice.removed
        }
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"a":2,"b":[2],"c":1}"#)
        var output: [UInt8] = []
        for event in events { edits.write(event, of: tape, into: &output) }
        #expect(String(decoding: output, as: UTF8.self) == #"{"a":9}{"a":2,"b":[2],"c":1}{"a":3}"#)
        output.removeAll()
        edits.write(tape.root, of: tape, into: &output)
        #expect(String(decoding: output, as: UTF8.self) == #"{"batch":[{"a":9},{"a":2,"b":[2],"c":1},{"a":3}]}"#)
    }
}
