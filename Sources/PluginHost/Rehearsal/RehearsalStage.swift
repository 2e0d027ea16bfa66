package import Conditions
package import EventModel
package import WorkerProtocol

/// One stage of a rehearsal: a plugin version and what it is configured with.
package struct RehearsalStage: Hashable, Sendable {
    package let plugin: PluginIdentity
    package let kind: PluginKind
    /// One JSON object that was checked.
    package let config: String
    /// What it is asked of, and nil for everything; whatever else there is passes unchanged.
    package let when: Condition?

    package init(plugin: PluginIdentity, kind: PluginKind, config: String, when: Condition? = nil) {
        self.plugin = plugin
        self.kind = kind
        self.config = config
        self.when = when
    }
}

/// What became of one event in a rehearsal.
package struct RehearsedEvent: Sendable {
    /// Where it came to its end.
    package enum End: Equatable, Sendable {
        /// It went through every stage; what a connector wanted sent stands in ``requests``.
        case passed
        /// Nothing was left of it after this stage, from 0.
        case dropped(stage: Int, reason: String)
        /// A stage failed it, or asked for another try of it.
        case failed(stage: Int, code: String, message: String, mayPass: Bool)
    }

    /// What it was after each transformation that it reached, in their order; the parts of one that was split.
    package var outputs: [[ArraySlice<UInt8>]] = []
    /// Of which part before each of these parts was made.
    package var from: [[Int]] = []
    /// Of how many of its parts each of these was asked; the others passed, since its condition did not hold for them.
    package var asked: [Int] = []
    /// What transformations said of the parts that they dropped, with their places.
    package var drops: [(stage: Int, reason: String)] = []
    /// What the connector said of each part; empty where there is no connector or it was not reached.
    package var fates: [PluginVerdict] = []
    /// Which of the rehearsal's requests carry a part of it.
    package var requests: [Int] = []
    package var end = End.passed
}

/// What came of a rehearsal.
package struct RehearsedBatch: Sendable {
    /// One for each event that was given, in order.
    package var events: [RehearsedEvent] = []
    /// What the connector would have sent; `events` of each are places of events that were given.
    package var requests: [PluginRequest] = []
    /// How long each stage took that was reached, with the start of its worker.
    package var took: [Duration] = []
}

/// Why a rehearsal brought nothing.
package enum RehearsalError: Error, Equatable, CustomStringConvertible {
    /// So many run and wait already.
    case busy
    /// It had more events than one may have.
    case tooMany(events: Int)
    /// It took longer than one may take.
    case tooSlow(Duration)
    /// A plugin could not be run at all.
    case plugin(String, PluginError)

    package var code: String {
        switch self {
        case .busy: "busy"
        case .tooMany: "too_many_events"
        case .tooSlow: "timeout"
        case .plugin(_, let error): error.code
        }
    }

    package var description: String {
        switch self {
        case .busy: "too many rehearsals run already; try again in a moment"
        case .tooMany(let events): "\(events) events are more than one rehearsal takes"
        case .tooSlow(let limit): "the plugins did not come to an end within \(limit)"
        case .plugin(let name, let error): "\(name) could not be run: \(error.description)"
        }
    }
}
