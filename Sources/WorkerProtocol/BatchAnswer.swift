/// What a plugin said of the events of one batch, checked and in private memory.
package struct BatchAnswer: Sendable {
    /// One per event, in the order of the batch; none for responses.
    package var verdicts: [PluginVerdict] = []
    /// Events whose output did not fit into the arena.
    ///
    /// They are to be run again with a larger one, or with fewer others; until then their verdict is `output_limit`.
    package var outgrown: [Int] = []
    /// What a connector asks to be sent, in its order; only requests all of whose events have the verdict `.requested`.
    package var requests: [PluginRequest] = []
    /// What `classify` said.
    package var classifications: [Classification] = []
    package var logs: [PluginLog] = []
    /// Log records beyond the limit of a batch.
    package var droppedLogs: UInt32 = 0
    /// What the plugin reported of metrics of its own since its last answer.
    package var metrics: [ReportedMetric] = []
    /// The status that the plugin returned for the batch; 0 is well.
    package var status: Int32 = 0
    /// The bytes of JSON and bodies that the plugin gave and that fitted: the output size that is measured.
    package var outputBytes = 0
    /// The worker's own word on how long the plugin ran; advisory.
    package var runNanoseconds: UInt64 = 0
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
