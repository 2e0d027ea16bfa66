@testable import EventJSON

/// A document as a plain value: slow and obvious, what the tape and its edits are compared with.
indirect enum Model: Equatable {
    /// A number, `true`, `false` or `null`, as it was written.
    case bare(String)
    case string(String)
    case array([Model])
    case object([(name: String, value: Model)])

    static func == (left: Model, right: Model) -> Bool {
        switch (left, right) {
        case (.bare(let left), .bare(let right)): left == right
        case (.string(let left), .string(let right)): left.unicodeScalars.elementsEqual(right.unicodeScalars)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.elementsEqual(right) { $0.name == $1.name && $0.value == $1.value }
        default: false
        }
    }

    init(_ node: JSONNode, of tape: JSONTape) {
        switch tape.kind(node) {
        case .string: self = .string(tape.string(node) ?? "")
        case .array: self = .array(tape.elements(of: node).map { Model($0, of: tape) })
        case .object:
            self = .object(tape.members(of: node).map { (tape.string($0.key) ?? "", Model($0.value, of: tape)) })
        default: self = .bare(String(decoding: tape.written(node), as: UTF8.self))
        }
    }

    enum Step {
        case name(String)
        case index(Int)
    }

    /// A path is refused.
    struct Refused: Error {}

    /// Puts what `make` makes of what is there, or of nil, at `path`.
    mutating func set(_ path: ArraySlice<Step>, _ make: (Model?) throws -> Model) throws {
        guard let step = path.first else {
            self = try make(self)
            return
        }
        if self == .bare("null") { self = try Self.container(for: step) }
        let rest = path.dropFirst()
        switch (step, self) {
        case (.name(let name), .object(var members)):
            if let index = members.lastIndex(where: { $0.name == name }) {
                try members[index].value.set(rest, make)
            } else {
                members.append((name, try Self.made(rest, make)))
            }
            self = .object(members)
        case (.index(let index), .array(var elements)) where index <= elements.count:
            if index < elements.count {
                try elements[index].set(rest, make)
            } else {
                elements.append(try Self.made(rest, make))
            }
            self = .array(elements)
        default: throw Refused()
        }
    }

    private static func container(for step: Step) throws -> Model {
        switch step {
        case .name: .object([])
        case .index(0): .array([])
        case .index: throw Refused()
        }
    }

    private static func made(_ path: ArraySlice<Step>, _ make: (Model?) throws -> Model) throws -> Model {
        guard let step = path.first else { return try make(nil) }
        var model = try container(for: step)
        try model.set(path, make)
        return model
    }

    /// What is at `path`.
    func find(_ path: ArraySlice<Step>) -> Model? {
        guard let step = path.first else { return self }
        switch (step, self) {
        case (.name(let name), .object(let members)):
            return members.last { $0.name == name }?.value.find(path.dropFirst())
        case (.index(let index), .array(let elements)) where index < elements.count:
            return elements[index].find(path.dropFirst())
        default: return nil
        }
    }

    /// Removes what is at `path`; with a name, gives it that name instead.
    mutating func remove(_ path: ArraySlice<Step>, renamingTo new: String? = nil) throws -> Bool {
        guard let step = path.first else { throw Refused() }
        if self == .bare("null") { return false }
        let rest = path.dropFirst()
        switch (step, self) {
        case (.name(let name), .object(var members)):
            guard let index = members.lastIndex(where: { $0.name == name }) else { return false }
            if !rest.isEmpty {
                let found = try members[index].value.remove(rest, renamingTo: new)
                self = .object(members)
                return found
            }
            if new == name { return true }
            if let new {
                let value = members[index].value
                members[index] = ("\u{0}kept", value)
                members.removeAll { $0.name == new || $0.name == name }
                self = .object(members.map { $0.name == "\u{0}kept" ? (new, $0.value) : $0 })
            } else {
                self = .object(members.filter { $0.name != name })
            }
        case (.index(let index), .array(var elements)):
            guard index < elements.count else { return false }
            guard rest.isEmpty else {
                let found = try elements[index].remove(rest, renamingTo: new)
                self = .array(elements)
                return found
            }
            if new != nil { throw Refused() }
            elements.remove(at: index)
            self = .array(elements)
        default: throw Refused()
        }
        return true
    }
}
