/// What a plugin is told about an event beside its JSON.
package struct EventFacts: Equatable, Sendable {
    /// When the event was accepted, nanoseconds since 1970.
    package var receivedNanoseconds: Int64
    /// Which try this is, from 1.
    package var attempt: UInt32
    /// Which part of the event this is, when an earlier transformation split it.
    package var part: UInt32
    /// The event's place in the log.
    package var partition: Int64
    package var offset: Int64
    /// The hash of the key that events of one user share.
    package var userHash: UInt64
    package var flags: Flags

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
        receivedNanoseconds: Int64 = 0,
        attempt: UInt32 = 1,
        part: UInt32 = 0,
        partition: Int64 = 0,
        offset: Int64 = 0,
        userHash: UInt64 = 0,
        flags: Flags = []
    ) {
        self.receivedNanoseconds = receivedNanoseconds
        self.attempt = attempt
        self.part = part
        self.partition = partition
        self.offset = offset
        self.userHash = userHash
        self.flags = flags
    }
}

/// One event on its way into the input arena.
package struct InputEvent: Sendable {
    /// One JSON object.
    package var json: ArraySlice<UInt8>
    /// What the platform knows of the event, a JSON object, or nothing.
    package var metadata: ArraySlice<UInt8>
    package var messageID: ArraySlice<UInt8>
    /// The same for every attempt to deliver this part.
    package var idempotencyKey: ArraySlice<UInt8>
    package var facts: EventFacts

    package init(
        json: ArraySlice<UInt8>,
        metadata: ArraySlice<UInt8> = [],
        messageID: ArraySlice<UInt8> = [],
        idempotencyKey: ArraySlice<UInt8> = [],
        facts: EventFacts = EventFacts()
    ) {
        self.json = json
        self.metadata = metadata
        self.messageID = messageID
        self.idempotencyKey = idempotencyKey
        self.facts = facts
    }
}

/// One destination's answer on its way into the input arena, for `classify`.
package struct InputResponse: Sendable {
    /// The `tag` of the request that it answers.
    package var tag: UInt64
    /// The HTTP status, or 0.
    package var status: Int32
    /// 0, or a number that says which transport error it was.
    package var transportError: Int32
    package var attempt: UInt32
    package var headers: [(name: String, value: String)]
    /// The first bytes of the body.
    package var body: ArraySlice<UInt8>

    package init(
        tag: UInt64,
        status: Int32,
        transportError: Int32 = 0,
        attempt: UInt32 = 1,
        headers: [(name: String, value: String)] = [],
        body: ArraySlice<UInt8> = []
    ) {
        self.tag = tag
        self.status = status
        self.transportError = transportError
        self.attempt = attempt
        self.headers = headers
        self.body = body
    }
}

/// What holds for a whole batch.
package struct BatchHead: Equatable, Sendable {
    package var kind: ArenaKind
    /// Counts up for the life of a worker, so that an answer to an older batch shows.
    package var batch: UInt64
    /// When the worker is killed, on the monotonic clock, in nanoseconds.
    package var deadlineNanoseconds: Int64
    /// The wall clock at hand-over, nanoseconds since 1970.
    package var wallNanoseconds: Int64
    /// The longest JSON that a plugin may emit at once, in bytes.
    package var partBytes: Int
    /// The most parts that one event may become.
    package var fanOut: Int
    /// The most bytes that all events of the batch together may become.
    package var outputBytes: Int

    package init(
        kind: ArenaKind,
        batch: UInt64,
        deadlineNanoseconds: Int64,
        wallNanoseconds: Int64,
        partBytes: Int = BatchHead.defaultPartBytes,
        fanOut: Int = 100,
        outputBytes: Int = ArenaLayout.largestBytes
    ) {
        self.kind = kind
        self.batch = batch
        self.deadlineNanoseconds = deadlineNanoseconds
        self.wallNanoseconds = wallNanoseconds
        self.partBytes = partBytes
        self.fanOut = fanOut
        self.outputBytes = outputBytes
    }

    /// One MiB.
    package static let defaultPartBytes = 1024 * 1024
}
