import Catalog
import EventLog
import EventModel

/// What is written down of one event at one consumer, and what follows from it alone.
struct ConsumerKnowledge {
    let lane: LaneID
    let offset: Int64
    /// The lane's progress; nil when the consumer was removed.
    let record: LaneRecord?
    var passes: [EventPass] = []
    var letters: [PathLetter] = []
    var parked: [PathParked] = []
    /// Whether it repeats a message id inside the window.
    var isDuplicate = false
    /// The replay that it is, if that has ended: its lanes are gone, and what died of them is not.
    var past: Replay?

    init(lane: LaneID, offset: Int64, record: LaneRecord?) {
        self.lane = lane
        self.offset = offset
        self.record = record
    }

    private var state: String {
        guard let record else {
            return passes.isEmpty && letters.isEmpty && past?.state != .done ? "unknown" : "read"
        }
        if offset < record.start { return "earlier" }
        let place = offset - record.position.offset
        if place < 0 { return "read" }
        let byte = Int(place / 8)
        let isSettled = byte < record.beyond.count && record.beyond[byte] & (1 << (place % 8)) != 0
        return isSettled ? "read" : "unread"
    }

    /// Whether it is still to be read.
    var isUnread: Bool { state == "unread" }

    /// Whether what plugins made of it is not written down, though they have handled it.
    var wantsRecomputing: Bool {
        // What waits as a whole was not transformed yet, or is again when it is taken up.
        state == "read" && passes.isEmpty && parked.allSatisfy { $0.part != nil } && !isDuplicate && past == nil
    }

    func consumer(named name: String) -> EventConsumer {
        let (outcome, basis, note) = outcome
        var told = EventConsumer(
            connection: name,
            consumer: lane.consumer.rawValue,
            state: state,
            outcome: outcome,
            outcomeBasis: basis
        )
        told.passes = passes
        told.deadLetters = letters
        told.parked = parked
        told.note = note
        return told
    }

    private var outcome: (String, EventPath.Basis, String?) {
        if !parked.isEmpty { return ("parked", .recorded, nil) }
        if let last = passes.last, last.outcome != "parked" { return (last.outcome, .recorded, nil) }
        if let letter = letters.last {
            return (["read", "transform"].contains(letter.stage) ? "failed" : "dead_lettered", .recorded, nil)
        }
        if let last = passes.last {
            guard last.part == nil || state == "read" else { return ("parked", .recorded, nil) }
            let note = "It was parked, waits no more and is no dead letter, so it was delivered or dropped."
            return ("delivered", .recomputed, note)
        }
        switch state {
        case "read":
            if isDuplicate { return ("duplicate", .recomputed, "The same message id stands earlier in the log.") }
            return past.map(Self.outcome) ?? ("delivered", .unknown, nil)
        case "unread", "earlier": return (state, .recorded, nil)
        default: return ("unknown", .unknown, past.map { Self.outcome($0).2 } ?? nil)
        }
    }

    /// What follows for an event that a replay was to read, from how that ended.
    private static func outcome(_ replay: Replay) -> (String, EventPath.Basis, String?) {
        guard replay.state == .done else {
            let words = "The replay ended before it had read everything; whether it read this event is not known."
            return ("unknown", .unknown, words)
        }
        if let counts = replay.counts, counts.read == counts.transformed, counts.emitted == counts.delivered {
            return ("delivered", .recomputed, "The replay has ended, and what it read was delivered to the last event.")
        }
        let words =
            """
            The replay read it and has ended; whether it was delivered, filtered or dropped, or died long ago, is not \
            written down any more.
            """
        return ("unknown", .unknown, words)
    }
}
