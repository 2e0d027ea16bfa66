import Foundation
import Testing

@testable import EventJSON

/// Random documents, damage and edits; every failure names the seed that makes it again.
///
/// `LEAT_FUZZ_FROM` and `LEAT_FUZZ_TIMES` give another first seed, and more of them.
struct FuzzTests {
    private static func seeds(_ count: UInt64) -> ClosedRange<UInt64> {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["LEAT_FUZZ_FROM"].flatMap(UInt64.init) ?? 1
        let times = environment["LEAT_FUZZ_TIMES"].flatMap(UInt64.init) ?? 1
        return first...first + count * times - 1
    }

    @Test func `Generated documents mean to the tape what they mean to Foundation`() throws {
        for seed in Self.seeds(3000) {
            var generator = Generator(seed: seed)
            let text = generator.document()
            let tape = try tape(text)
            let other = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            #expect(isSame(tape.root, of: tape, as: other), "seed \(seed)")
        }
    }

    /// Compares by value.
    ///
    /// Foundation keeps one of two members of the same name, so only distinct names are compared, and
    /// reads long numbers as decimals, whose doubles are a little off.
    private func isSame(_ node: JSONNode, of tape: JSONTape, as other: Any) -> Bool {
        switch tape.kind(node) {
        case .null: return other is NSNull
        case .boolean: return (other as? Bool) == tape.bool(node)
        case .number:
            guard let number = other as? NSNumber, let value = tape.double(node) else { return false }
            let written = Double(String(decoding: tape.written(node), as: UTF8.self)) ?? .nan
            return value == written && abs(number.doubleValue - value) <= abs(value) * 1e-12
        case .string:
            return (other as? String)?.unicodeScalars.elementsEqual((tape.string(node) ?? "").unicodeScalars) == true
        case .array:
            let elements = Array(tape.elements(of: node))
            guard let others = other as? [Any], others.count == elements.count else { return false }
            return zip(elements, others).allSatisfy { isSame($0, of: tape, as: $1) }
        case .object:
            guard let others = other as? [String: Any] else { return false }
            let names = tape.members(of: node).compactMap { tape.string($0.key) }
            guard Set(names) == Set(others.keys) else { return false }
            return tape.members(of: node).allSatisfy { member in
                guard let name = tape.string(member.key), names.count(where: { $0 == name }) == 1 else { return true }
                return others[name].map { isSame(member.value, of: tape, as: $0) } ?? false
            }
        }
    }

    @Test func `Damaged documents are accepted or refused, never misread`() {
        var accepted = 0
        for seed in Self.seeds(20_000) {
            var generator = Generator(seed: seed)
            let bytes = generator.damage(utf8(generator.document()))
            var tape = JSONTape(limits: .request)
            do throws(JSONError) {
                try tape.parse(bytes)
                accepted += 1
                #expect(Reference.accepts(bytes), "seed \(seed)")
                visit(tape.root, of: tape, bytes.count)
            } catch {
                #expect(!Reference.accepts(bytes), "seed \(seed): \(error)")
                #expect((0...bytes.count).contains(error.offset), "seed \(seed)")
            }
        }
        #expect(accepted > 1000)
    }

    /// Every value lies inside the text and inside what contains it.
    private func visit(_ node: JSONNode, of tape: JSONTape, _ count: Int) {
        let range = tape.range(of: node)
        #expect(range.upperBound <= count)
        for inner in tape.elements(of: node) {
            #expect(range.contains(tape.range(of: inner).lowerBound))
            visit(inner, of: tape, count)
        }
        for member in tape.members(of: node) {
            #expect(range.contains(tape.range(of: member.key).lowerBound))
            visit(member.value, of: tape, count)
        }
    }

    @Test func `Every beginning of a document is refused, and no byte behind it is read`() throws {
        var tape = JSONTape(limits: .request)
        for seed in Self.seeds(300) {
            var generator = Generator(seed: seed)
            let bytes = utf8(generator.pick(["[", "{\"a\":[", "  [\t"]) + generator.value(depth: 4))
            for length in 0...bytes.count {
                // Borrowed from memory that ends where the text ends, so that a sanitizer sees a step too far.
                let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
                defer { unsafe memory.deallocate() }
                unsafe memory.copyBytes(from: bytes[..<length])
                #expect(throws: JSONError.self, "seed \(seed), \(length) bytes") {
                    try unsafe tape.parse(UnsafeRawBufferPointer(memory))
                }
            }
        }
    }

    @Test func `A borrowed document is read where it lies and nowhere else`() throws {
        var tape = JSONTape(limits: .request)
        for seed in Self.seeds(2000) {
            var generator = Generator(seed: seed)
            let bytes = utf8(generator.document())
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
            defer { unsafe memory.deallocate() }
            unsafe memory.copyBytes(from: bytes)
            try unsafe tape.parse(UnsafeRawBufferPointer(memory))
            var output: [UInt8] = []
            JSONEdits().write(tape.root, of: tape, into: &output)
            #expect(output[...] == tape.written(tape.root), "seed \(seed)")
            tape.reset()
        }
    }

    @Test func `Random edits do what they do to a plain value, and leave a valid document`() throws {
        for seed in Self.seeds(4000) {
            var generator = Generator(seed: seed)
            let text = generator.document()
            let tape = try tape(text)
            var edits = JSONEdits()
            var model = Model(tape.root, of: tape)
            for _ in 0..<1 + generator.number(below: 8) {
                try edit(&edits, &model, of: tape, &generator, seed)
                let path = generator.path()
                let there = model.find(Self.steps(path)[...])
                switch edits.find(JSONPath(path), of: tape.root, in: tape) {
                case .untouched(let node): #expect(Model(node, of: tape) == there, "seed \(seed) at \(path)")
                case .changed: break
                case .missing: #expect(there == nil, "seed \(seed) at \(path)")
                }
            }
            var output: [UInt8] = []
            edits.write(tape.root, of: tape, into: &output)
            var result = JSONTape(limits: .request)
            try result.parse(output)
            #expect(Model(result.root, of: result) == model, "seed \(seed)")
        }
    }

    private func edit(
        _ edits: inout JSONEdits,
        _ model: inout Model,
        of tape: JSONTape,
        _ generator: inout Generator,
        _ seed: UInt64
    ) throws {
        let path = generator.path()
        let steps = Self.steps(path)
        let number = generator.number(below: 100)
        let name = generator.pick(["a", "b", "é", "new", "q\"q"])
        let verb = generator.number(below: 5)
        var before = model
        let expected: Bool? = try? {
            switch verb {
            case 0: try before.set(steps[...]) { _ in .bare("\(number)") }
            case 1:
                let object = Model.object([("a", .array([.bare("\(number)")]))])
                try before.set(steps[...]) { _ in object }
            case 2:
                try before.set(steps[...]) { old in
                    switch old {
                    case nil, .bare("null"): return .array([.string(name)])
                    case .array(let elements): return .array(elements + [.string(name)])
                    default: throw Model.Refused()
                    }
                }
            case 3: return try before.remove(steps[...])
            default: return try before.remove(steps[...], renamingTo: name)
            }
            return true
        }()
        let found: Bool? = try? {
            let path = JSONPath(path)
            switch verb {
            case 0: try edits.set(path, of: tape.root, in: tape, to: .int(Int64(number)))
            case 1: try edits.set(path, of: tape.root, in: tape, to: .json(utf8("{\"a\":[\(number)]}")[...]))
            case 2: try edits.append(.string(name), to: path, of: tape.root, in: tape)
            case 3: return try edits.remove(path, of: tape.root, in: tape)
            default: return try edits.rename(path, to: name, of: tape.root, in: tape)
            }
            return true
        }()
        #expect(found == expected, "seed \(seed), \(verb) at \(path)")
        if expected != nil { model = before }
    }

    private static func steps(_ path: String) -> [Model.Step] {
        let bytes = utf8(path)
        var reader = JSONPath.Reader()
        var steps: [Model.Step] = []
        while let step = reader.next(in: bytes.span) {
            switch step {
            case .plain(let range): steps.append(.name(String(decoding: bytes[range], as: UTF8.self)))
            case .escaped(let name): steps.append(.name(String(decoding: name, as: UTF8.self)))
            case .index(let index): steps.append(.index(index))
            }
        }
        return steps
    }
}
