/// What goes into the input arena: the events or the responses of a batch.
package enum BatchInputs: Sendable {
    case events([PluginEvent])
    case responses([InputResponse])

    package var count: Int {
        switch self {
        case .events(let events): events.count
        case .responses(let responses): responses.count
        }
    }

    /// Those at `places`.
    package func picking(_ places: [Int]) -> BatchInputs {
        switch self {
        case .events(let events): .events(places.map { events[$0] })
        case .responses(let responses): .responses(places.map { responses[$0] })
        }
    }

    /// The arena that they need, in bytes.
    package var arenaBytes: Int {
        var bytes = ArenaLayout.headerBytes
        switch self {
        case .events(let events):
            let events = events.span
            for index in events.indices { bytes += InputArenaWriter.bytes(for: events[index]) }
        case .responses(let responses):
            for response in responses { bytes += InputArenaWriter.bytes(for: response) }
        }
        return bytes
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
    /// Whether the body goes on behind them.
    package var isCut: Bool

    package init(
        tag: UInt64,
        status: Int32,
        transportError: Int32 = 0,
        attempt: UInt32 = 1,
        headers: [(name: String, value: String)] = [],
        body: ArraySlice<UInt8> = [],
        isCut: Bool = false
    ) {
        self.tag = tag
        self.status = status
        self.transportError = transportError
        self.attempt = attempt
        self.headers = headers
        self.body = body
        self.isCut = isCut
    }
}
