import Testing

@testable import EventJSON

@Suite struct DiffTests {
    private static func diff(_ old: String, _ new: String, limit: Int = JSONDiff.mostEntries) throws -> [String] {
        try JSONDiff(from: Array(old.utf8)[...], to: Array(new.utf8)[...], limit: limit).entries.map { entry in
            switch entry.change {
            case .added(let text): "+ \(entry.pointer) \(String(decoding: text, as: UTF8.self))"
            case .removed(let text): "- \(entry.pointer) \(String(decoding: text, as: UTF8.self))"
            case .changed(let old, let new):
                "~ \(entry.pointer) \(String(decoding: old, as: UTF8.self)) \(String(decoding: new, as: UTF8.self))"
            }
        }
    }

    @Test func `What was added, removed and changed stands at its place`() throws {
        let old = #"{"event":"Order","properties":{"price":1.50,"email":"a@b.c","tags":["x","y"]},"gone":null}"#
        let new = #"{"properties":{"tags":["x","z","w"],"price":1.5,"a/b~c":true},"event":"Order"}"#
        #expect(
            try Self.diff(old, new) == [
                "~ /properties/price 1.50 1.5", #"- /properties/email "a@b.c""#, #"~ /properties/tags/1 "y" "z""#,
                #"+ /properties/tags/2 "w""#, "+ /properties/a~1b~0c true", "- /gone null",
            ]
        )
        #expect(try Self.diff("[1]", "{}") == ["~  [1] {}"])
    }

    @Test func `Order of members, spaces and ways to write a string are no difference`() throws {
        #expect(try Self.diff(#"{"a": "\u0041", "b" : [ 1 , {} ] }"#, #"{"b":[1,{}],"\u0061":"A"}"#).isEmpty)
        // Texts that only look the same are not the same.
        #expect(try Self.diff(#"["\u00e9"]"#, #"["e\u0301"]"#).count == 1)
        #expect(try Self.diff(#"{"a":1,"a":2}"#, #"{"a":2}"#).isEmpty)
    }

    @Test func `What is beyond the limit is counted`() throws {
        let diff = try JSONDiff(from: Array("[1,2,3,4]".utf8)[...], to: Array("[]".utf8)[...], limit: 3)
        #expect(diff.entries.count == 3 && diff.more == 1 && !diff.isEmpty)
        #expect(throws: JSONError.self) { try JSONDiff(from: Array("{".utf8)[...], to: Array("{}".utf8)[...]) }
    }

    @Test(arguments: 0..<400 as Range<UInt64>)
    func `The old text with its difference to the new one is the new one`(seed: UInt64) throws {
        var generator = Generator(seed: seed)
        let old = generator.document()
        let new = generator.chance(3) ? generator.document() : Self.altered(old, &generator)
        let (before, after) = (try Self.plain(old), try Self.plain(new))
        #expect(try Self.diff(old, old).isEmpty)
        let diff = try JSONDiff(from: Array(old.utf8)[...], to: Array(new.utf8)[...], limit: .max)
        var patched = before
        // From the back, so that what is removed from an array moves nothing that is still to come.
        for entry in diff.entries where entry.isAddition { patched = try Self.patch(patched, entry) }
        for entry in diff.entries.reversed() where !entry.isAddition { patched = try Self.patch(patched, entry) }
        let told = try Self.diff(old, new)
        #expect(patched == after, "\(old) to \(new): \(told)")
        #expect(diff.isEmpty == (before == after))
    }

    /// The text with some of its characters of digits changed, so that most of it stays.
    private static func altered(_ text: String, _ generator: inout Generator) -> String {
        String(text.map { "12345678".contains($0) && generator.chance(3) ? "9" : $0 })
    }

    /// A value in which the order of members does not count.
    indirect enum Plain: Equatable {
        case bare(String)
        case array([Plain])
        case object([[UInt8]: Plain])
    }

    private static func plain(_ text: String) throws -> Plain {
        var tape = JSONTape(limits: .request)
        try tape.parse(Array(text.utf8))
        return plain(tape.root, tape)
    }

    private static func plain(_ node: JSONNode, _ tape: JSONTape) -> Plain {
        switch tape.kind(node) {
        case .array: return .array(tape.elements(of: node).map { plain($0, tape) })
        case .object:
            var members: [[UInt8]: Plain] = [:]
            for member in tape.members(of: node) {
                var key: [UInt8] = []
                tape.unescape(member.key, into: &key)
                members[key] = plain(member.value, tape)
            }
            return .object(members)
        case .string:
            var content: [UInt8] = []
            tape.unescape(node, into: &content)
            return .bare("\(content)")
        default: return .bare(String(decoding: tape.written(node), as: UTF8.self))
        }
    }

    private static func patch(_ value: Plain, _ entry: JSONDiff.Entry) throws -> Plain {
        let names = entry.pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            Array($0.replacing("~1", with: "/").replacing("~0", with: "~").utf8)
        }
        return try patch(value, names[...], entry.change)
    }

    private static func patch(_ value: Plain, _ names: ArraySlice<[UInt8]>, _ change: JSONDiff.Change) throws -> Plain {
        guard let name = names.first else {
            guard case .changed(_, let new) = change else { throw Misplaced() }
            return try plain(String(decoding: new, as: UTF8.self))
        }
        let isLast = names.count == 1
        switch (value, change) {
        case (.object(var members), .added(let text)) where isLast:
            guard members.updateValue(try plain(String(decoding: text, as: UTF8.self)), forKey: name) == nil else {
                throw Misplaced()
            }
            return .object(members)
        case (.object(var members), .removed) where isLast:
            guard members.removeValue(forKey: name) != nil else { throw Misplaced() }
            return .object(members)
        case (.array(var elements), .added(let text)) where isLast:
            guard Int(String(decoding: name, as: UTF8.self)) == elements.count else { throw Misplaced() }
            elements.append(try plain(String(decoding: text, as: UTF8.self)))
            return .array(elements)
        case (.array(var elements), .removed) where isLast:
            guard Int(String(decoding: name, as: UTF8.self)) == elements.count - 1 else { throw Misplaced() }
            elements.removeLast()
            return .array(elements)
        case (.object(var members), _):
            guard let inner = members[name] else { throw Misplaced() }
            members[name] = try patch(inner, names.dropFirst(), change)
            return .object(members)
        case (.array(var elements), _):
            guard let index = Int(String(decoding: name, as: UTF8.self)), elements.indices.contains(index) else {
                throw Misplaced()
            }
            elements[index] = try patch(elements[index], names.dropFirst(), change)
            return .array(elements)
        default: throw Misplaced()
        }
    }

    /// A difference names a place that is not there, or one that is there already.
    private struct Misplaced: Error {}
}

extension JSONDiff.Entry {
    fileprivate var isAddition: Bool { if case .added = change { true } else { false } }
}
