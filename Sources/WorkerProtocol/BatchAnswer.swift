/// What a plugin said of the events of one batch, checked and in private memory.
package struct BatchAnswer: Sendable {
    /// One per event, in the order of the batch.
    package var verdicts: [EventVerdict]
    /// What a connector asks to be sent, in its order; only requests all of whose events have the verdict `.requested`.
    package var requests: [PluginRequest] = []
    /// What `classify` said.
    package var classifications: [Classification] = []
    package var logs: [PluginLog] = []
    /// Log records beyond the limit of a batch.
    package var droppedLogs: UInt32 = 0
    /// The status that the plugin returned for the batch; 0 is well.
    package var status: Int32 = 0
    /// The bytes of JSON and bodies that the plugin gave: the output size that is measured.
    package var outputBytes = 0
    /// The worker's own word on how long the plugin ran; advisory.
    package var runNanoseconds: UInt64 = 0
}

/// What a plugin said of one event.
package enum EventVerdict: Equatable, Sendable {
    /// The event becomes these parts, in this order.
    case emit(ArraySlice<ArraySlice<UInt8>>)
    /// The event is carried by one or more requests of the answer.
    case requested
    /// The plugin does not want the event; the words say why and may be empty.
    case drop(String)
    /// The plugin, or the contract, could not go on with this event.
    case fail(EventFailure)
    /// The answer did not fit in the arena: run this event again with a larger one.
    case outgrown
    /// Nothing was said. Only in a harvest; a finished batch fails such an event with `no_verdict`.
    case none
}

/// Why an event failed.
package struct EventFailure: Equatable, Sendable {
    package var `class`: FailureClass
    /// `[a-z0-9_.]`, 1 to 64 bytes.
    package var code: String
    /// At most 2 KiB; the plugin's words, so escape them wherever they are shown.
    package var message: String

    package init(_ class: FailureClass, code: String, message: String) {
        self.class = `class`
        self.code = code
        self.message = message
    }

    static let noVerdict = EventFailure(
        .permanent,
        code: "no_verdict",
        message: "the plugin neither emitted, dropped nor failed this event"
    )
    static let conflict = EventFailure(
        .permanent,
        code: "conflicting_verdict",
        message: "the plugin both dropped this event and gave output for it"
    )
}

/// What an answer of the destination means for one event of a request.
package struct Classification: Equatable, Sendable {
    /// The response's place in the batch.
    package var response: Int
    /// The event's place in its request, or nil for all of them.
    package var event: Int?
    package var verdict: Verdict
    /// nil: the host's own schedule.
    package var retryAfterMilliseconds: UInt64?
    package var code: String
    package var message: String

    /// What the answer means; the raw values are those of `leat_status`.
    package enum Verdict: Int32, Sendable {
        case delivered = 0
        case retry = -1
        case permanent = -2
    }
}

/// One record that a plugin logged.
package struct PluginLog: Equatable, Sendable {
    /// From 0 (trace) to 5 (error), 6 for a plugin that reports its own misbehaviour.
    package var level: Int32
    package var message: String
    /// A JSON object as the plugin wrote it, unchecked, or nothing.
    package var fields: ArraySlice<UInt8>
}
