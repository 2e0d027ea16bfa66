import EventModel
import WorkerProtocol

/// What goes into the input arena: the events or responses of a batch, of which a trial takes some.
enum BatchInputs: Sendable {
    case events([PluginEvent])
    case responses([InputResponse])

    var count: Int {
        switch self {
        case .events(let events): events.count
        case .responses(let responses): responses.count
        }
    }

    /// What the answer must fit to, and the bytes of JSON that went in.
    struct Written {
        var expectation: OutputArenaReader.Expectation
        var payloadBytes: Int
    }

    /// The arena that a trial needs, in bytes.
    func arenaBytes(_ trial: Isolation.Trial) -> Int {
        var bytes = ArenaLayout.headerBytes
        switch self {
        case .events(let events):
            for index in trial {
                bytes += events[index].json.count + events[index].idempotencyKey.count + Self.eventBytes
            }
        case .responses(let responses):
            for index in trial {
                let headers = responses[index].headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 8 }
                bytes += responses[index].body.count + headers + Self.responseBytes
            }
        }
        return bytes
    }

    /// An event's record and alignment, in bytes.
    private static let eventBytes = 192
    /// A response's record and alignment, in bytes.
    private static let responseBytes = 256

    /// Writes a trial into an arena that is large enough for it.
    func write(_ trial: Isolation.Trial, _ head: BatchHead, to arena: Arena) -> Written {
        guard let memory = unsafe try? ArenaMemory(arena.memory) else {
            preconditionFailure("an arena is never smaller than the smallest")
        }
        var writer = InputArenaWriter(memory, head)
        var inputs: [ArraySlice<UInt8>] = []
        inputs.reserveCapacity(trial.count)
        for index in trial {
            let isTaken: Bool
            switch self {
            case .events(let events):
                let event = events[index]
                isTaken = writer.append(event.json, idempotencyKey: event.idempotencyKey, event.facts)
                inputs.append(event.json)
            case .responses(let responses):
                isTaken = writer.append(responses[index])
                inputs.append([])
            }
            precondition(isTaken, "an arena has the size that was asked for")
        }
        writer.finish()
        return Written(
            expectation: OutputArenaReader.Expectation(head: head, inputs: inputs),
            payloadBytes: writer.payloadBytes
        )
    }
}

extension Worker {
    /// Writes what the plugin is created from.
    ///
    /// - Returns: False when it does not fit.
    func write(_ request: LoadRequest, _ head: BatchHead) -> Bool {
        guard let memory = unsafe try? ArenaMemory(arenas.input.memory) else { return false }
        var writer = InputArenaWriter(memory, head)
        guard writer.append(request) else { return false }
        writer.finish()
        return true
    }
}
