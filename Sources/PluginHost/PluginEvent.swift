package import EventModel
package import WorkerProtocol

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
    /// The same for every attempt to deliver this part; empty where nothing is delivered.
    package var idempotencyKey: ArraySlice<UInt8>

    package init(
        json: ArraySlice<UInt8>,
        partition: PartitionID = PartitionID(rawValue: 0),
        offset: Int64 = 0,
        part: UInt32 = 0,
        userHash: UInt64 = 0,
        receivedAt: Int64 = 0,
        attempt: UInt32 = 1,
        idempotencyKey: ArraySlice<UInt8> = []
    ) {
        self.json = json
        self.partition = partition
        self.offset = offset
        self.part = part
        self.userHash = userHash
        self.receivedAt = receivedAt
        self.attempt = attempt
        self.idempotencyKey = idempotencyKey
    }

    var facts: EventFacts {
        EventFacts(
            receivedNanoseconds: receivedAt &* 1_000,
            attempt: attempt,
            part: part,
            partition: partition.rawValue,
            offset: offset,
            userHash: userHash
        )
    }
}

/// What became of one event.
package enum PluginVerdict: Equatable, Sendable {
    /// The event becomes these parts, in this order.
    case emit(ArraySlice<ArraySlice<UInt8>>)
    /// The plugin does not want the event; the words say why and may be empty.
    case drop(reason: String)
    /// The event cannot go on: bury it as a dead letter, or try this event again, as `disposition` says.
    ///
    /// `code` is the plugin's own word, or a `FailureCause` when the event is the culprit that ends its worker.
    case fail(code: String, message: String, disposition: Disposition)
}

/// What a connector asks to be sent for some events.
package struct RequestPlan: Equatable, Sendable {
    /// In the connector's order; `events` of each are indices into the events that were given.
    package var requests: [PluginRequest]
    /// One per event that was given.
    package var fates: [Fate]

    package init(requests: [PluginRequest] = [], fates: [Fate] = []) {
        self.requests = requests
        self.fates = fates
    }

    /// What became of one event.
    package enum Fate: Equatable, Sendable {
        /// It is delivered when every request that carries it is.
        case requested
        case drop(reason: String)
        case fail(code: String, message: String, disposition: Disposition)
    }
}
