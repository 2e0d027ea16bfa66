import Catalog
import Delivery
import EventLog
import EventModel
import Logging
import Synchronization

/// Carries what the answers of destinations say of them as a whole: a 429 to the other nodes, so that they hold back too,
/// and a refusal of this server's credentials to the catalog, so that the destination is paused.
///
/// To lose a 429 on the way is harmless: the other nodes are given their own.
///
/// - Owner: the pipeline.
final class PaceRelay: Sendable {
    private struct State {
        /// When 429s of a destination were told last.
        var told: [DestinationID: ContinuousClock.Instant] = [:]
        var pauses = 0
    }

    private let catalog: Catalog
    private let log: EventLog
    private let fleet: Fleet
    private let logger: Logger
    private let state = Mutex(State())
    private let news: AsyncStream<(DestinationID, Dispatch.News)>
    private let arrival: AsyncStream<(DestinationID, Dispatch.News)>.Continuation

    /// How long after one 429 of a destination the next one is told.
    static let interval = Duration.seconds(1)
    /// What waits to be told, the latest.
    private static let backlog = 256

    init(catalog: Catalog, log: EventLog, fleet: Fleet, logger: Logger) {
        self.catalog = catalog
        self.log = log
        self.fleet = fleet
        self.logger = logger
        (news, arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.backlog))
    }

    /// Destinations that were to be paused since the start, because they refused this server's credentials.
    var pauses: Int { state.withLock { $0.pauses } }

    /// Takes in what a courier says; returns at once.
    func tell(_ destination: DestinationID, _ news: Dispatch.News) {
        if case .throttled = news {
            let now = ContinuousClock.now
            let isDue = state.withLock { state in
                if let last = state.told[destination], now - last < Self.interval { return false }
                state.told[destination] = now
                return true
            }
            guard isDue else { return }
        }
        arrival.yield((destination, news))
    }

    /// Tells and hears until its task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { for await text in self.catalog.paceNotes() { self.hear(text) } }
            for await (destination, news) in news {
                switch news {
                case .throttled(let factor, let holdFor): await tellOthers(destination, factor, holdFor)
                case .pause(let reason): await pause(destination, reason)
                }
            }
            group.cancelAll()
        }
    }

    private func tellOthers(_ destination: DestinationID, _ factor: Double, _ holdFor: Duration?) async {
        guard let node = log.node, log.livingNodes > 1 else { return }
        let note = PaceNote(node: node.rawValue, destination: destination, factor: factor, holdFor: holdFor)
        // Nobody waits for it, and nothing is lost with it.
        try? await catalog.tell(paceNote: note.text)
    }

    private func hear(_ text: String) {
        guard let note = PaceNote(text), note.node != log.node?.rawValue else { return }
        fleet.courier(to: note.destination)?.hold(factor: note.factor, holdFor: note.holdFor)
    }

    private func pause(_ destination: DestinationID, _ reason: String) async {
        state.withLock { $0.pauses += 1 }
        let name = catalog.current.destination(destination)?.name ?? "\(destination)"
        logger.error(
            "A destination refuses this server's credentials and is paused; give it others and resume it.",
            metadata: ["destination": "\(name)", "reason": "\(reason)"]
        )
        do throws(CatalogError) {
            let line = DestinationState.reason(reason)
            // Whoever paused it meanwhile, with whatever reason, has the word.
            guard catalog.current.destination(destination)?.state.isPaused == false else { return }
            _ = try await catalog.pauseDestination(destination, reason: line, by: DestinationState.server)
        } catch {
            // Nothing is sent for a while, and then it is found again.
            logger.warning(
                "The destination could not be paused now.",
                metadata: ["destination": "\(name)", "error.code": "\(error.code)", "error": "\(error)"]
            )
        }
    }
}

/// One node's word that a destination answered 429.
struct PaceNote: Equatable {
    var node: Int64
    var destination: DestinationID
    /// What is left of the rate.
    var factor: Double
    /// How long the destination asked to be left alone.
    var holdFor: Duration?

    init(node: Int64, destination: DestinationID, factor: Double, holdFor: Duration?) {
        self.node = node
        self.destination = destination
        self.factor = factor
        self.holdFor = holdFor
    }

    /// - Shape: node, destination, percent that is left, milliseconds to wait or nothing, with blanks between them.
    init?(_ text: String) {
        let words = text.split(separator: " ").map { Int64($0) }
        guard words.count == 3 || words.count == 4, let node = words[0], let id = words[1], let percent = words[2],
            (0...100).contains(percent)
        else { return nil }
        self.node = node
        destination = DestinationID(rawValue: id)
        factor = Double(percent) / 100
        guard words.count == 4 else { return }
        guard let wait = words[3], wait >= 0 else { return nil }
        holdFor = .milliseconds(wait)
    }

    var text: String {
        let wait = holdFor.map { " \($0.milliseconds)" } ?? ""
        return "\(node) \(destination.rawValue) \(Int((factor * 100).rounded()))\(wait)"
    }
}
