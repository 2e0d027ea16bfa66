import Delivery
import EventLog
import PluginHost
import WorkerProtocol

/// Consecutive events of a lane that go through its stages together.
struct Portion {
    /// Where it is.
    enum Stage {
        /// Its events are read again from the log.
        case rereading
        case transforming(step: Int)
        case building
        /// It waits for its turn.
        case built(RequestPlan, under: Int)
        /// Its requests are in the order.
        case placed
    }

    var stage: Stage
    var events: [PortionEvent] = []
    var parts: [LanePart] = []
    /// What the transformations before the last one made, one list for each: for those who want to see every step.
    ///
    /// The lists of the source's own are empty but for the last of them; see `passages`.
    var passed: [[LanePart]] = []
    /// How the source's transformations went.
    var courses: [SourceCourse] = []
    /// What stood between them, of events of which it is kept, by their offsets.
    var passages: [Int64: SourcePassage] = [:]
    /// When it entered the stages, and when each of them was done.
    /// - Unit: microseconds since 1970.
    var marks: [Int64] = []
    /// Requests that ended, of events of which something is kept, by the events' places.
    var sends: [Int: [EventTrace.Send]] = [:]
    /// Who stands at each stage; the last is the connector.
    var chain: [PluginLabel] = []
    /// How the transformations among them are gone through.
    var steps = LaneSteps()
    /// The parts that the transformation was given at which the portion is, by their places in `parts`; nil for all.
    var asked: [Int]?
    /// Who dropped events or parts of them, in the order in which it was done, by the event's place.
    var drops: [Int: [Drop]] = [:]
    /// The parts that the connector was given, by their places in `parts`.
    var built: [Int] = []
    /// Events that are not settled.
    var live = 0
    /// Users whose waiting events were taken up into it.
    var released: [UInt64] = []

    /// A plugin's word that something is not to go on.
    struct Drop {
        let plugin: String
        /// The plugin's place in the chain.
        let step: Int
        let reason: String
    }

    /// Lets go of what the transformations made on the way.
    mutating func forgetPassed() {
        passed = []
        courses = []
        passages = [:]
    }

    var isPlaced: Bool { if case .placed = stage { true } else { false } }

    /// The events that are not settled, without those of which only a part is here.
    var openOffsets: [Int64] {
        events.compactMap { event in
            if case .part = event.origin { return nil }
            return event.isDone ? nil : event.offset
        }
    }
}

/// One event of a portion.
struct PortionEvent {
    /// Where it came from, which decides what is written when it ends.
    enum Origin {
        case log
        /// It waited as an offset behind an earlier event of its user.
        indirect case follower(ParkedItem)
        /// One part of it waited with its payload.
        indirect case part(ParkedItem)
    }

    enum State {
        case inWork
        /// A transformation asks for another try.
        indirect case again(code: String, message: String, stage: Int, after: Duration)
        case done
    }

    let offset: Int64
    let sliceTime: Int64
    let userHash: UInt64
    let receivedAt: Int64
    let json: ArraySlice<UInt8>
    var origin: Origin
    /// Nothing but zeros where it is not known.
    var message = MessageHash(high: 0, low: 0)
    /// The parts of it that are sent, where not all are.
    var parts: Set<Int>?
    var keep = TraceKeep.no
    var state = State.inWork
    /// What it counts for in the lane's bound of bytes.
    var heldBytes = 0
    /// Parts that have not ended.
    var open = 0
    var delivered = 0
    var waiting = 0
    /// Dead letters of its parts, told when the event as a whole is settled.
    var letters: [LaneDeadLetter] = []

    var isInWork: Bool { if case .inWork = state { true } else { false } }
    var isDone: Bool { if case .done = state { true } else { false } }
}

/// One part of an event, as far as it is transformed.
struct LanePart {
    /// The event's place in its portion.
    let event: Int
    /// Counts from 0 within its event.
    var number: Int
    var json: ArraySlice<UInt8>
    /// Whether a plugin wrote it, so that the next one's worker must check that it is JSON.
    var flags: PluginEvent.Flags = []
    var isOpen = true
    /// The number of the part before of which it was made, as far as transformations went.
    var from: UInt16 = 0
    /// Requests that carry it and have not ended.
    var pending = 0
    /// Why it cannot be delivered, though other requests that carry it are still under way; empty or one.
    var failures: [LaneDeadLetter] = []
    /// Tries before this stay that count, and how long it was parked for them.
    var attempts = 0
    var waited = Duration.zero
    /// Answers 429 before this stay while others were served.
    var ownThrottles = 0
    var key: IdempotencyKey
}

/// Names a part from outside its portion.
struct PartReference: Hashable {
    let portion: Int
    let part: Int
}
