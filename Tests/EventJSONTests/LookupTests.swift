import Testing

@testable import EventJSON

/// Finding and reading values.
struct LookupTests {
    static let event = """
        {"type":"track","userId":"u-1","context":{"traits":{"email":"a@example.test","\\u0061ge":41},"ip":null},
         "properties":{"total":12.50,"big":123456789012345678901234567890,"products":[{"sku":"s1"},{"sku":"s2"}]},
         "userId":"u-2","flags":[true,false,null,-7,1e3,"caf\\u00e9 \\ud834\\udd1e\\n"]}
        """

    private let tape: JSONTape
    init() throws { tape = try EventJSONTests.tape(Self.event) }

    private func text(_ path: JSONPath) -> String? {
        tape.find(path).map { String(decoding: tape.written($0), as: UTF8.self) }
    }

    @Test func `A member is found by name, and of two with the same name the last`() {
        #expect(tape.member(of: tape.root, "type").flatMap(tape.string) == "track")
        #expect(tape.member(of: tape.root, "userId").flatMap(tape.string) == "u-2")
        #expect(tape.member(of: tape.root, "typ") == nil)
        #expect(tape.member(of: tape.root, "email") == nil)
        #expect(tape.member(of: tape.root, "") == nil)
    }

    @Test func `A name written with escapes is found by what it says`() {
        #expect(text("context.traits.age") == "41")
    }

    @Test func `A path leads through objects and arrays`() {
        #expect(text("context.traits.email") == "\"a@example.test\"")
        #expect(text("properties.products[1].sku") == "\"s2\"")
        #expect(text("properties.products[2].sku") == nil)
        #expect(text("flags[3]") == "-7")
        #expect(text("flags.3") == nil)
        #expect(text("type[0]") == nil)
        #expect(text("type.x") == nil)
        #expect(text("") == Self.event)
    }

    @Test func `A path can name any key`() throws {
        let odd = try EventJSONTests.tape(#"{"a.b":1,"":{"":2},"c[0]":3,"d\\e":4,"[x]":5,"f":{"":6}}"#)
        func number(_ path: JSONPath) -> Int64? { odd.find(path).flatMap(odd.int64) }
        #expect(number(#"a\.b"#) == 1)
        #expect(number(".") == 2)
        #expect(number(#"c\[0]"#) == 3)
        #expect(number(#"d\\e"#) == 4)
        #expect(number("[x]") == 5)
        #expect(number("f.") == 6)
        for (names, value) in [(["a.b"], 1), (["", ""], 2), (["c[0]"], 3), (["d\\e"], 4), (["f", ""], 6)] {
            #expect(number(JSONPath(names: names)) == Int64(value))
        }
        #expect(odd.kind(try #require(odd.find(JSONPath(names: [""])))) == .object)
    }

    @Test func `Numbers stay as they are written and are read when asked`() {
        #expect(text("properties.total") == "12.50")
        #expect(tape.find("properties.total").flatMap(tape.double) == 12.5)
        #expect(tape.find("properties.total").flatMap(tape.int64) == nil)
        #expect(text("properties.big") == "123456789012345678901234567890")
        #expect(tape.find("properties.big").flatMap(tape.int64) == nil)
        #expect(tape.find("properties.big").flatMap(tape.double) == 1.2345678901234568e29)
        #expect(tape.find("flags[4]").flatMap(tape.double) == 1000)
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("1.0", nil), ("1e2", nil), ("99999999999999999999", nil), ("\"1\"", nil),
        ] as [(String, Int64?)]
    )
    func `A whole number is read if it fits`(text: String, value: Int64?) throws {
        let tape = try EventJSONTests.tape(text)
        #expect(tape.int64(tape.root) == value)
    }

    @Test func `Scalars of another kind read as nothing`() throws {
        let flags = try #require(tape.find("flags"))
        let all = Array(tape.elements(of: flags))
        #expect(all.map(tape.bool) == [true, false, nil, nil, nil, nil])
        #expect(all.map(tape.isNull) == [false, false, true, false, false, false])
        #expect(all.map(tape.kind) == [.boolean, .boolean, .null, .number, .number, .string])
        #expect(tape.string(flags) == nil)
        #expect(tape.double(all[5]) == nil)
        #expect(try EventJSONTests.tape("1e999").double(JSONNode(0)) == nil)
    }

    @Test func `Escapes are resolved`() throws {
        let node = try #require(tape.find("flags[5]"))
        #expect(tape.string(node) == "café 𝄞\n")
        var content: [UInt8] = []
        #expect(tape.unescape(node, into: &content))
        #expect(content == utf8("café 𝄞\n"))
        #expect(tape.equals(node, "café 𝄞\n"))
        #expect(!tape.equals(node, "café 𝄞"))
        #expect(!tape.equals(node, "café 𝄞\n\n"))
        #expect(tape.withContent(of: node) { $0.count } == 11)
        #expect(tape.withContent(of: tape.root) { $0.count } == nil)
    }

    @Test(arguments: [
        (#""\uD800""#, "\u{FFFD}"), (#""\uDC00x""#, "\u{FFFD}x"), (#""\uD800\uD834\uDD1E""#, "\u{FFFD}𝄞"),
        (#""\u0000\u007f\u0080""#, "\u{0}\u{7F}\u{80}"), (#""\b\f\n\r\t\/\\\"""#, "\u{8}\u{C}\n\r\t/\\\""),
        (#""\uD800\n""#, "\u{FFFD}\n"),
        (#""\uffff""#, "\u{FFFF}"), (#""\udbff\udfff""#, "\u{10FFFF}"),
    ])
    func `Each escape stands for its character, half a pair for the replacement character`(
        text: String,
        content: String
    ) throws {
        let tape = try EventJSONTests.tape(text)
        #expect(tape.string(tape.root) == content)
        #expect(tape.withContent(of: tape.root) { utf8(content).span.indices.elementsEqual($0.indices) } == true)
    }

    @Test func `Members and elements come in order, duplicates too`() throws {
        let names = tape.members(of: tape.root).compactMap { tape.string($0.key) }
        #expect(names == ["type", "userId", "context", "properties", "userId", "flags"])
        #expect(tape.count(of: tape.root) == 6)
        #expect(tape.count(of: try #require(tape.find("flags"))) == 6)
        #expect(tape.count(of: try #require(tape.find("type"))) == 0)
        #expect(Array(tape.elements(of: tape.root)) == [])
    }

    @Test func `A tape that could not parse holds null`() throws {
        var tape = JSONTape()
        #expect(tape.kind(tape.root) == .null)
        try tape.parse(utf8("[1]"))
        #expect(tape.kind(tape.root) == .array)
        #expect(throws: JSONError(.unexpectedByte, at: 1)) { try tape.parse(utf8("[x]")) }
        #expect(tape.kind(tape.root) == .null)
        #expect(tape.written(tape.root) == utf8("null")[...])
    }

    @Test func `A copy keeps its text when the tape goes on to the next`() throws {
        var tape = try EventJSONTests.tape("[1,2,3]")
        let copy = tape
        let elements = tape.elements(of: tape.root)
        try tape.parse(utf8("{\"a\":\"b\"}"))
        #expect(copy.written(copy.root) == utf8("[1,2,3]")[...])
        #expect(elements.map(copy.int64) == [1, 2, 3])
        #expect(tape.member(of: tape.root, "a").flatMap(tape.string) == "b")
    }

    @Test func `Depth and length have limits`() {
        let limits = JSONLimits(bytes: 100, depth: 3)
        #expect(refusal(of: utf8("[[[]]]"), limits: limits) == nil)
        #expect(refusal(of: utf8("[[[{}]]]"), limits: limits) == JSONError(.tooDeep, at: 3))
        #expect(refusal(of: utf8("{\"a\":{\"b\":{\"c\":[]}}}"), limits: limits) == JSONError(.tooDeep, at: 15))
        let string = utf8("\"" + String(repeating: "a", count: 98) + "\"")
        #expect(refusal(of: string, limits: limits) == nil)
        #expect(refusal(of: string + [0x20], limits: limits) == JSONError(.tooLong, at: 100))
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(refusal(of: deep)?.kind == .tooDeep)
        let all = JSONLimits(bytes: 2_000_000, depth: 1_000_000)
        let closed = deep + [UInt8](repeating: UInt8(ascii: "]"), count: 1_000_000)
        #expect(refusal(of: closed, limits: all) == nil)
    }

    @Test func `A slice is parsed where it lies`() throws {
        let bytes = utf8("xx[1,2]yy")
        var tape = JSONTape()
        try tape.parse(bytes[2..<7])
        #expect(tape.elements(of: tape.root).map(tape.int64) == [1, 2])
        #expect(tape.range(of: tape.root) == 0..<5)
    }
}
