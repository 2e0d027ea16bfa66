/// The way of one event through everything, as far as it is known.
///
/// Every part says where it comes from: what was written when it happened, what was worked out now, or nothing.
package struct EventPath: Codable, Equatable, Sendable {
    /// Where a statement comes from.
    package enum Basis: String, Codable, Sendable {
        /// Written when it happened, in the same transaction as its outcome.
        case recorded
        /// Worked out now, with the versions that were recorded; nothing was sent.
        case recomputed
        case unknown
    }

    package var messageId: String
    /// How many partitions were looked at, and since when.
    package var partitions = 0
    /// - Unit: microseconds since 1970.
    package var sinceAt: Int64?
    /// Where the event stands in the log, the first acceptance first; more than one where it was sent again.
    package var copies: [EventCopy] = []

    package init(messageId: String) { self.messageId = messageId }
}

/// One acceptance of an event.
package struct EventCopy: Codable, Equatable, Sendable {
    package var source: String
    package var partition: String
    package var offset: Int64
    /// When PostgreSQL kept its chunk; nil where it has left the log.
    /// - Unit: microseconds since 1970.
    package var acceptedAt: Int64?
    /// When the server had its request.
    /// - Unit: microseconds since 1970.
    package var receivedAt: Int64?
    package var type: String?
    /// How many events its chunk has.
    package var chunkEvents: Int?
    /// The offset of the earlier copy that it repeats inside the duplicate window.
    package var duplicateOf: Int64?
    /// Whether its body is still in the log.
    package var isInLog = true
    package var event: PathPayload?
    package var consumers: [EventConsumer] = []

    package init(source: String, partition: String, offset: Int64) {
        self.source = source
        self.partition = partition
        self.offset = offset
    }
}

/// What became of an event at one consumer.
package struct EventConsumer: Codable, Equatable, Sendable {
    package var connection: String
    package var consumer: Int64
    /// `unread`, `read`, `earlier` for what was accepted before the consumer was made, or `unknown`.
    package var state: String
    /// `delivered`, `dropped`, `filtered`, `duplicate`, `failed`, `dead_lettered`, `parked`, `unread`,
    /// `earlier` or `unknown`.
    package var outcome: String
    package var outcomeBasis: EventPath.Basis
    package var plugins: [PathPlugin] = []
    package var pluginsBasis = EventPath.Basis.unknown
    /// What happened, in the order of time; one that was recomputed where nothing was written.
    package var passes: [EventPass] = []
    package var deadLetters: [PathLetter] = []
    package var parked: [PathParked] = []
    /// Why something is not known.
    package var note: String?

    package init(
        connection: String,
        consumer: Int64,
        state: String,
        outcome: String,
        outcomeBasis: EventPath.Basis
    ) {
        self.connection = connection
        self.consumer = consumer
        self.state = state
        self.outcome = outcome
        self.outcomeBasis = outcomeBasis
    }
}

/// A plugin version with its configuration, as it stood at a stage.
package struct PathPlugin: Codable, Hashable, Sendable {
    package var plugin: String
    package var version: String
    /// The SHA-256 of its file.
    package var digest: String
    /// The hash of what it was configured with.
    package var config: String
    /// What must hold for what it is given.
    ///
    /// - Shape: a transformation's condition, and of a connector what its connection wants, as JSON. Empty where it is
    ///   given everything; nil where that was not written down.
    package var rule: String?
    /// Whether it is one of the source's transformations; nil for no.
    package var isOfSource: Bool?

    package init(plugin: String, version: String, digest: String, config: String) {
        self.plugin = plugin
        self.version = version
        self.digest = digest
        self.config = config
    }

    package var name: String { "\(plugin)@\(version)" }
}

/// A JSON text, or its beginning.
package struct PathPayload: Codable, Equatable, Sendable {
    package var text: String
    /// How long the whole is.
    package var bytes: Int

    /// The most that is kept of one.
    /// - Unit: bytes.
    package static let maximumBytes = 16 * 1024

    package init(_ json: some Collection<UInt8>) {
        bytes = json.count
        text = String(decoding: json.prefix(Self.maximumBytes), as: UTF8.self)
    }

    /// Whether all of it is here.
    package var isWhole: Bool { bytes <= Self.maximumBytes }
}

/// One going through the stages, from reading to an outcome.
package struct EventPass: Codable, Equatable, Sendable {
    package var basis: EventPath.Basis
    /// Why it was written down: `failed`, `parked`, `traced` or `sampled`.
    package var cause: String?
    package var outcome: String
    /// Which part of the event it is about; nil for all of it.
    package var part: Int?
    package var code: String?
    package var reason: String?
    /// When the next try is due.
    /// - Unit: microseconds since 1970.
    package var nextAttemptAt: Int64?
    /// - Unit: microseconds since 1970.
    package var readAt: Int64?
    /// - Unit: microseconds since 1970.
    package var endedAt: Int64?
    /// When it was committed, and by which node.
    /// - Unit: microseconds since 1970.
    package var writtenAt: Int64?
    package var node: String?
    /// The event as it came into the first stage; nil where only a part of it was at hand.
    package var event: PathPayload?
    package var stages: [PathStage] = []
    package var sends: [PathSend] = []
    /// Requests that would be sent, of a pass that was recomputed.
    package var requests: [PathRequest] = []

    package init(basis: EventPath.Basis, outcome: String) {
        self.basis = basis
        self.outcome = outcome
    }
}

/// One plugin's handling of an event.
package struct PathStage: Codable, Equatable, Sendable {
    /// `transform` or `connect`.
    package var stage: String
    package var plugin: PathPlugin
    /// - Unit: microseconds since 1970.
    package var startedAt: Int64?
    /// How long the events took that were handled together, with the wait for the plugin.
    package var microseconds: Int64?
    /// How many events these were.
    package var events: Int?
    /// `emitted`, `skipped` where its condition held for no part, `dropped`, `failed` or `requested`.
    package var verdict: String
    /// Of how many parts it was asked; nil where it has no condition, or that is not known.
    package var asked: Int?
    /// What came in, if it was one part and that is known; of several, see `parts` of the stage before.
    package var before: PathPayload?
    /// Where it is known from what came in; nil in what is stored, as all that follows from the stages before.
    package var beforeBasis: EventPath.Basis?
    /// What it became, part by part; the first ones of many.
    package var parts: [PathPayload] = []
    /// How many parts there are.
    package var partCount = 0
    /// Of which part of what came in each of `parts` was made; nil where that is not known.
    package var from: [Int]?
    /// Where it is known from what came out.
    package var partsBasis: EventPath.Basis?
    /// How each of `parts` differs from what it was made of.
    package var comparisons: [PathComparison]?
    /// Why something of it is not known.
    package var note: String?

    /// The most parts that are kept of one stage.
    package static let maximumParts = 8

    package init(stage: String, plugin: PathPlugin, verdict: String) {
        self.stage = stage
        self.plugin = plugin
        self.verdict = verdict
    }
}

/// How a part differs from what it was made of.
package struct PathComparison: Codable, Equatable, Sendable {
    /// The number of that part among those that came in; nil where it is not known.
    package var from: Int?
    /// The places that differ, the first ones of many; nil where the two could not be compared.
    package var places: [PathDifference]?
    /// How many more places differ.
    package var more = 0
    /// Why they could not be compared.
    package var note: String?

    package init(from: Int?, places: [PathDifference]?) {
        self.from = from
        self.places = places
    }
}

/// One place that differs.
package struct PathDifference: Codable, Equatable, Sendable {
    /// - Shape: a JSON pointer.
    package var pointer: String
    /// JSON texts; nil where there is nothing.
    package var before: String?
    package var after: String?

    package init(pointer: String, before: String?, after: String?) {
        self.pointer = pointer
        self.before = before
        self.after = after
    }
}

/// One header of a request or an answer.
package struct PathHeader: Codable, Equatable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// A request as far as people may see it.
package struct PathRequest: Codable, Equatable, Sendable {
    package var method: String
    package var url: String
    package var headers: [PathHeader]
    /// Its beginning.
    package var body: String
    package var bodyBytes: Int

    package init(method: String, url: String, headers: [PathHeader], body: String, bodyBytes: Int) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.bodyBytes = bodyBytes
    }
}

/// One try of a delivery with what was sent and answered.
package struct PathAttempt: Codable, Equatable, Sendable {
    package var number: Int
    /// - Unit: microseconds since 1970.
    package var at: Int64
    package var microseconds: Int64
    package var firstByteMicroseconds: Int64?
    package var code: String
    /// The beginning of the answer's body.
    package var answer: String
    package var answerHeaders: [PathHeader]?
    /// What was sent; nil where it is that of the try before.
    package var request: PathRequest?

    package init(number: Int, at: Int64, microseconds: Int64, code: String, answer: String) {
        self.number = number
        self.at = at
        self.microseconds = microseconds
        self.code = code
        self.answer = answer
    }
}

/// A request that carried the event, and its tries.
package struct PathSend: Codable, Equatable, Sendable {
    /// Which parts of the event it carried.
    package var parts: [Int]
    /// How many parts of events it carried in all.
    package var carried: Int
    /// `delivered`, `refused`, `exhausted`, `parked` or `divided`.
    package var ending: String
    package var attempts: [PathAttempt]

    package init(parts: [Int], carried: Int, ending: String, attempts: [PathAttempt]) {
        self.parts = parts
        self.carried = carried
        self.ending = ending
        self.attempts = attempts
    }
}

/// A dead letter of an event.
package struct PathLetter: Codable, Equatable, Sendable {
    package var part: Int?
    /// - Unit: microseconds since 1970.
    package var diedAt: Int64
    package var stage: String
    package var code: String
    package var reason: String
    package var plugin: String?
    package var attempts: Int

    package init(
        part: Int?,
        diedAt: Int64,
        stage: String,
        code: String,
        reason: String,
        plugin: String?,
        attempts: Int
    ) {
        self.part = part
        self.diedAt = diedAt
        self.stage = stage
        self.code = code
        self.reason = reason
        self.plugin = plugin
        self.attempts = attempts
    }
}

/// What waits of an event.
package struct PathParked: Codable, Equatable, Sendable {
    package var part: Int?
    package var attempts: Int
    package var code: String
    /// Nil for one that waits behind an earlier event of its user.
    /// - Unit: microseconds since 1970.
    package var nextAttemptAt: Int64?

    package init(part: Int?, attempts: Int, code: String, nextAttemptAt: Int64?) {
        self.part = part
        self.attempts = attempts
        self.code = code
        self.nextAttemptAt = nextAttemptAt
    }
}

/// Somebody whose events are followed for a while.
package struct Tracing: Codable, Equatable, Sendable {
    package var id: Int64
    package var subject: String
    /// - Unit: microseconds since 1970.
    package var until: Int64
    package var who: String

    package init(id: Int64, subject: String, until: Int64, who: String) {
        self.id = id
        self.subject = subject
        self.until = until
        self.who = who
    }
}

/// Which event somebody asks for.
package struct PathQuestion: Equatable, Sendable {
    package var messageId: String
    /// The user's key, so that one partition of each generation is enough.
    package var user: String?
    package var source: SourceID?
    /// - Unit: microseconds since 1970.
    package var since: Int64?

    package init(messageId: String, user: String? = nil, source: SourceID? = nil, since: Int64? = nil) {
        self.messageId = messageId
        self.user = user
        self.source = source
        self.since = since
    }
}

/// Why an event was not looked for, or not found in time; a sentence that says what to do.
package struct PathRefusal: Error, Equatable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
