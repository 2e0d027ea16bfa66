import EventJSON

/// What a person configured for this instance: a JSON object that fits the manifest's `config_schema`.
///
/// ```swift
/// init(configuration: Configuration) throws {
///     fields = configuration.strings("fields") ?? ["context.traits.email"]
///     table = try configuration.required("table")
/// }
/// ```
public struct Configuration: Sendable {
    private let tape: JSONTape

    /// Reads a configuration from its JSON text; tests use it to make one.
    ///
    /// - Parameter json: One JSON object.
    /// - Throws: ``Failure`` with the code `bad_configuration` when it is none.
    public init(json: String) throws(Failure) { try self.init(bytes: Array(json.utf8)) }

    init(bytes: [UInt8]) throws(Failure) {
        var tape = JSONTape(limits: JSONLimits(bytes: 1 << 20, depth: 64))
        do throws(JSONError) {
            try tape.parse(bytes)
        } catch {
            throw Failure(code: "bad_configuration", message: "the configuration is no JSON: \(error)")
        }
        guard tape.kind(tape.root) == .object else {
            throw Failure(code: "bad_configuration", message: "the configuration is not a JSON object")
        }
        self.tape = tape
    }

    /// The value at a path, or nil when there is none.
    public subscript(_ path: Path) -> Value? { tape.find(path.json).map { Value($0, of: tape) } }

    /// The text at a path, or nil when there is something else or nothing.
    public func string(_ path: Path) -> String? { tape.find(path.json).flatMap { tape.string($0) } }

    /// The whole number at a path, or nil when there is something else or nothing.
    public func int(_ path: Path) -> Int? { tape.find(path.json).flatMap { tape.int64($0) }.map(Int.init) }

    /// The number at a path, or nil when there is something else or nothing.
    public func double(_ path: Path) -> Double? { tape.find(path.json).flatMap { tape.double($0) } }

    /// The truth value at a path, or nil when there is something else or nothing.
    public func bool(_ path: Path) -> Bool? { tape.find(path.json).flatMap { tape.bool($0) } }

    /// The texts of the array at a path, or nil when there is no array or something else than a text in it.
    public func strings(_ path: Path) -> [String]? {
        guard let array = tape.find(path.json), tape.kind(array) == .array else { return nil }
        var texts: [String] = []
        for element in tape.elements(of: array) {
            guard let text = tape.string(element) else { return nil }
            texts.append(text)
        }
        return texts
    }

    /// The names and texts of the object at a path, in their order, or nil when there is no object or something else
    /// than a text in it.
    public func texts(_ path: Path) -> [(name: String, text: String)]? {
        guard let object = tape.find(path.json), tape.kind(object) == .object else { return nil }
        var texts: [(name: String, text: String)] = []
        for member in tape.members(of: object) {
            guard let name = tape.string(member.key), let text = tape.string(member.value) else { return nil }
            texts.append((name, text))
        }
        return texts
    }

    /// The text at a path.
    ///
    /// - Parameter path: Where.
    /// - Returns: The text.
    /// - Throws: ``Failure`` with the code `bad_configuration`, which names the path, when there is none.
    public func required(_ path: Path) throws(Failure) -> String {
        guard let text = string(path) else {
            throw Failure(code: "bad_configuration", message: "the configuration has no text \"\(path)\"")
        }
        return text
    }
}
