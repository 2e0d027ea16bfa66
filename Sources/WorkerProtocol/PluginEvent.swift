package import EventModel

/// One event, or part of one, on its way through a plugin.
package struct PluginEvent: Sendable {
    /// One JSON object.
    package var json: ArraySlice<UInt8>
    package var partition: PartitionID
    package var offset: Int64
    /// Which part of the event this is, when an earlier transformation split it.
    package var part: UInt32
    /// The hash of the key that events of one user share.
    package var userHash: UInt64
    /// When the event was accepted.
    ///
    /// - Unit: microseconds since 1970.
    package var receivedAt: Int64
    /// Which try this is, from 1.
    package var attempt: UInt32
    package var flags: Flags
    /// The same for every attempt to deliver this part; empty where nothing is delivered.
    package var idempotencyKey: ArraySlice<UInt8>

    /// What is special about the event; the low 16 bits are the plugin's to see.
    package struct Flags: OptionSet, Equatable, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Run again on a person's order.
        package static let replay = Flags(rawValue: 1)
        /// The JSON was written by another plugin: the worker checks it before its plugin sees it.
        package static let unverified = Flags(rawValue: 1 << 16)
    }

    package init(
        json: ArraySlice<UInt8>,
        partition: PartitionID = PartitionID(rawValue: 0),
        offset: Int64 = 0,
        part: UInt32 = 0,
        userHash: UInt64 = 0,
        receivedAt: Int64 = 0,
        attempt: UInt32 = 1,
        flags: Flags = [],
        idempotencyKey: ArraySlice<UInt8> = []
    ) {
        self.json = json
        self.partition = partition
        self.offset = offset
        self.part = part
        self.userHash = userHash
        self.receivedAt = receivedAt
        self.attempt = attempt
        self.flags = flags
        self.idempotencyKey = idempotencyKey
    }
}

/// What became of one event.
package enum PluginVerdict: Equatable, Sendable {
    /// The event becomes these parts, in this order; only of a transformation.
    case emit(ArraySlice<ArraySlice<UInt8>>)
    /// The event is delivered when every request that carries it is; only of a connector.
    case requested
    /// The plugin does not want the event; the words say why and may be empty.
    case drop(reason: String)
    /// The event cannot go on: bury it as a dead letter, or try this event again, as `disposition` says.
    ///
    /// `code` is the plugin's own word, 1 to 64 of `[a-z0-9_.]`, or the host's, as for the event that ends its worker.
    /// `message` is at most 2 KiB of the plugin's words, so escape them wherever they are shown.
    case fail(code: String, message: String, disposition: Disposition)

    /// A failure in the plugin's words.
    init(_ class: FailureClass, code: String, message: String) {
        self = .fail(code: code, message: message, disposition: `class` == .retry ? .retry(after: .seconds(1)) : .bury)
    }

    static let noVerdict = PluginVerdict(
        .permanent,
        code: "no_verdict",
        message: "the plugin neither emitted, dropped nor failed this event"
    )
    static let conflict = PluginVerdict(
        .permanent,
        code: "conflicting_verdict",
        message: "the plugin both dropped this event and gave output for it"
    )
    /// What did not fit, until it is run again.
    static let outputLimit = PluginVerdict(
        .permanent,
        code: "output_limit",
        message: "the plugin gave more output than it may"
    )
}
