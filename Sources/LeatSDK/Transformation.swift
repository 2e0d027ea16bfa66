/// A plugin that looks at each event and keeps, changes, splits or drops it.
///
/// ```swift
/// import LeatSDK
///
/// struct WithoutQueries: Transformation {
///     init(configuration: Configuration) throws {}
///
///     mutating func transform(_ event: inout Event) throws -> Verdict {
///         guard let url = event.string("context.page.url") else { return .keep }
///         event["context.page.url"] = .string(String(url.prefix { $0 != "?" }))
///         return .keep
///     }
/// }
///
/// @c(leat_plugin_entry_v1)
/// public func entry(_ host: UnsafeRawPointer?) -> UnsafeRawPointer? {
///     Plugin.export(WithoutQueries.self, id: "com.example.without-queries", version: "1.0.0", to: host)
/// }
/// ```
///
/// One instance lives in a process of its own and is called on one thread. What it keeps between events can be lost at
/// any moment: another process may go on where this one ended, and several may run side by side.
public protocol Transformation {
    /// Makes an instance from the configuration that a person gave it.
    ///
    /// Throw a ``Failure`` that says what is wrong with the configuration; the operator reads its message.
    init(configuration: Configuration) throws

    /// Decides what becomes of one event.
    ///
    /// - Parameter event: The event, to be read and changed in place. What is not touched stays as it was, byte for byte.
    /// - Returns: ``Verdict/keep`` for the event with its changes, or another verdict.
    /// - Throws: A ``Failure`` to fail this event alone. Any other error fails it for good, with the code `error`.
    mutating func transform(_ event: inout Event) throws -> Verdict
}

/// What becomes of an event.
public enum Verdict: Sendable {
    /// The event goes on, with the changes that were made to it.
    case keep
    /// The event is not wanted.
    ///
    /// The reason is counted by its value, so give a few fixed words and nothing of the event. At most 256 bytes.
    case drop(String)
    /// The event became the parts that ``Event/emit(_:)`` gave, and does not go on itself.
    case split
}

/// Why an event, a batch or a configuration cannot be handled.
public struct Failure: Error, CustomStringConvertible, Sendable {
    /// Whether trying again can help.
    public enum Kind: Sendable {
        /// It may work later: what was missing may be there then.
        case retry
        /// It will never work with this event and this version of the plugin.
        case permanent
    }

    /// Whether trying again can help.
    public var kind: Kind
    /// What kind of failure it is, to count by: 1 to 64 of `a` to `z`, digits, `_` and `.`.
    public var code: String
    /// A sentence for people, at most 2 KiB.
    public var message: String

    /// Makes a failure.
    public init(_ kind: Kind = .permanent, code: String, message: String) {
        self.kind = kind
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }

    /// Any error as a failure; one that is none is permanent and has the code `error`.
    init(_ error: any Error) {
        self = error as? Failure ?? Failure(code: "error", message: "\(error)")
    }
}
