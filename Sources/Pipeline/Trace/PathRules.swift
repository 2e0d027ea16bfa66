import Catalog
import Conditions
import EventJSON
import EventLog
import EventModel

/// What a connection wants, asked once more of an event of which nothing was written down.
struct PathRules {
    private let chooser: Chooser?
    private let sieve: ReplaySieve?
    /// Which rules these are, where they are not simply those of now.
    let note: String?

    /// By what is written down beside the versions that handled the event, or else as it is now.
    init(_ rule: String?, of consumer: ConsumerID, in snapshot: CatalogSnapshot) {
        let connection = snapshot.connection(ofConsumer: consumer)
        let now = connection?.selection
        var selection = now ?? .everything
        if let rule, let then = rule.isEmpty ? .everything : Selection(stored: rule) {
            selection = then
            let isOther = now.map { $0 != then } ?? false
            note =
                isOther
                ? "The connection wants other events now; this is by what it wanted when it read the event." : nil
        } else {
            note =
                "What the connection wanted when it read the event was not written down; this is by what it wants now."
        }
        chooser = Chooser(selection, of: connection?.id ?? consumer)
        sieve = snapshot.replays.first { $0.id == consumer && $0.kind == .log }.map { ReplaySieve($0.filter) }
    }

    /// How the event ended if it is not wanted; nil if it is.
    func refusal(of found: FoundEvent, _ body: ArraySlice<UInt8>) -> EventPass? {
        var tape = JSONTape()
        guard let exclusion = exclusion(found.entry, body, &tape) else { return nil }
        var pass = EventPass(basis: .recomputed, outcome: "filtered")
        pass.code = exclusion.rawValue
        pass.reason = chooser?.words(exclusion, body, &tape) ?? "the replay does not send it"
        return pass
    }

    private func exclusion(_ entry: DirectoryEntry, _ body: ArraySlice<UInt8>, _ tape: inout JSONTape) -> Exclusion? {
        if let exclusion = chooser?.exclusion(of: entry, body, &tape) { return exclusion }
        guard let sieve else { return nil }
        return sieve.mayTake(entry) && sieve.takes(body, &tape) ? nil : .replay
    }
}

extension ConsumerKnowledge {
    /// Why the event is not read, where it is not.
    func hindrance(in snapshot: CatalogSnapshot) -> String? {
        guard let record else { return nil }
        if offset < record.start {
            let isReplay = snapshot.replays.contains { $0.id == lane.consumer }
            return isReplay
                ? "It lies before what the replay reads."
                : "It was accepted before the connection was made, which does not read it."
        }
        guard isUnread, let connection = snapshot.connection(ofConsumer: lane.consumer) else { return nil }
        guard connection.enabled else { return "The connection is switched off." }
        guard let destination = snapshot.destination(connection.destination) else { return nil }
        guard destination.enabled else { return "The destination is switched off." }
        switch destination.state {
        case .running: return nil
        case .draining: return "The destination is drained: what was accepted since waits until somebody resumes it."
        case .paused(let halt):
            let reason = halt.reason.isEmpty ? "" : ": \(halt.reason)"
            return "The destination is paused by \(halt.by)\(reason)."
        }
    }
}
