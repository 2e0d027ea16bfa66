import CLeatPlugin
import EventJSON

/// One event, to be read and changed in place.
///
/// Reading takes nothing apart and copies only what is asked for; changing remembers what shall be different, and only
/// that is sent back. Numbers, key order, duplicate keys and spaces that nobody touched stay as they were written.
///
/// ```swift
/// if event.string("type") == "track", let price = event.double("properties.price") {
///     event["properties.price_cents"] = .int(Int64((price * 100).rounded()))
///     try event.rename("properties.sku", to: "product_id")
/// }
/// ```
///
/// An event lives only while ``Transformation/transform(_:)`` runs, which is why it cannot be copied.
@safe public struct Event: ~Copyable {
    /// What the host gave; its pointers are good until the batch ends.
    var source = unsafe leat_event()
    var sink: UnsafePointer<leat_transform_sink>?
    var tape: JSONTape
    /// Changes to the text of `tape` that were not written yet.
    var edits = JSONEdits()
    /// Whether `tape` holds a text of ours in place of the host's.
    var isRewritten = false
    /// The first change that could not be made through a subscript.
    var refused: Failure?
    /// How many parts were emitted.
    var parts = 0
    /// What is on its way to the sink; its memory is used again.
    var splices = SpliceBuffer()

    /// One MiB: what another plugin may have made of an event of 32 KiB.
    private static let limits = JSONLimits(bytes: 1 << 20, depth: 64)

    init() { tape = JSONTape(limits: Self.limits) }

    // MARK: Facts

    /// The event's message id where the server has it at hand, else empty; it stands in the event as `messageId`.
    public var id: String { unsafe source.id.text }

    /// When the event was accepted, in nanoseconds since 1970.
    public var receivedNanoseconds: Int64 { unsafe source.received_ns }

    /// Which try this is, from 1.
    public var attempt: Int { Int(unsafe source.attempt) }

    /// Whether a person asked to run the event again.
    public var isReplay: Bool { unsafe source.flags & UInt32(LEAT_EVENT_REPLAY) != 0 }

    /// The partition of the log: with ``offset``, the event's place in it.
    public var partition: Int64 { unsafe source.partition }

    /// The event's place in its partition.
    ///
    /// An event that is accepted later has a greater one.
    public var offset: Int64 { unsafe source.offset }

    /// Which part this is, when an earlier transformation split the event.
    public var part: Int { Int(unsafe source.part) }

    /// Equal for all events of one user.
    public var userHash: UInt64 { unsafe source.user_hash }

    /// The same for every attempt to deliver this event or part.
    public var idempotencyKey: String { unsafe source.idempotency_key.text }

    // MARK: Reading

    /// The value at a path, or nil when there is none; setting nil removes it.
    ///
    /// Objects that are missing on the way come into being. A change that cannot be made, such as a name inside a text,
    /// fails the event with the code `bad_path`; use ``set(_:to:)`` to handle that yourself.
    public subscript(_ path: Path) -> Value? {
        mutating get { find(path).map { Value($0, of: tape) } }
        set {
            do throws(Failure) {
                if let newValue { try set(path, to: newValue) } else { try remove(path) }
            } catch {
                if refused == nil { refused = error }
            }
        }
    }

    /// The text at a path, or nil when there is something else or nothing.
    public mutating func string(_ path: Path) -> String? { find(path).flatMap { tape.string($0) } }

    /// The whole number at a path, or nil when there is something else, something larger, or nothing.
    public mutating func int(_ path: Path) -> Int64? { find(path).flatMap { tape.int64($0) } }

    /// The number at a path, or nil when there is something else or nothing.
    public mutating func double(_ path: Path) -> Double? { find(path).flatMap { tape.double($0) } }

    /// The truth value at a path, or nil when there is something else or nothing.
    public mutating func bool(_ path: Path) -> Bool? { find(path).flatMap { tape.bool($0) } }

    /// What the value at a path is, or nil when there is none.
    public mutating func kind(_ path: Path) -> Kind? { find(path).map { Kind(tape.kind($0)) } }

    /// How many elements the array, or members the object, at a path has; 0 for anything else.
    public mutating func count(_ path: Path) -> Int { find(path).map { tape.count(of: $0) } ?? 0 }

    /// The names in the object at a path, in the order in which they were written; none for anything else.
    public mutating func names(_ path: Path) -> [String] {
        guard let object = find(path) else { return [] }
        return tape.members(of: object).compactMap { tape.string($0.key) }
    }

    /// Whether the text at a path is this one; compares without making a copy.
    public mutating func equals(_ path: Path, _ text: StaticString) -> Bool {
        find(path).map { tape.equals($0, text) } ?? false
    }

    /// Calls `body` with the UTF-8 of the text at a path, without a copy where the text has no escapes.
    ///
    /// - Returns: What `body` returns, or nil when there is no text at the path.
    public mutating func withUTF8<Result>(_ path: Path, _ body: (Span<UInt8>) -> Result) -> Result? {
        find(path).flatMap { tape.withContent(of: $0, body) }
    }

    /// Appends the event's JSON, with all changes, to `output`.
    public mutating func appendJSON(to output: inout [UInt8]) { edits.write(tape.root, of: tape, into: &output) }

    /// The value at a path as the changes so far have left it.
    mutating func find(_ path: Path) -> JSONNode? {
        switch edits.find(path.json, of: tape.root, in: tape) {
        case .untouched(let node): return node
        case .missing: return nil
        case .changed:
            writeEdits()
            return tape.find(path.json)
        }
    }

    /// Makes the changes so far the text that is read from now on.
    private mutating func writeEdits() {
        var text: [UInt8] = []
        edits.write(tape.root, of: tape, into: &text)
        edits.removeAll()
        do throws(JSONError) {
            try tape.parse(text)
            isRewritten = true
        } catch {
            // Only a `.json` value that is none, or a text that has grown beyond all limits.
            if refused == nil { refused = Failure(code: "bad_value", message: "a change made no JSON: \(error)") }
        }
    }
}
