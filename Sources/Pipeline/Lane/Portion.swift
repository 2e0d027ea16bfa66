import Delivery
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
    /// Who stands at each stage; the last is the connector.
    var chain: [PluginLabel] = []
    /// The parts that the connector was given, by their places in `parts`.
    var built: [Int] = []
    /// Events that are not settled.
    var live = 0
    /// Users whose waiting events were taken up into it.
    var released: [UInt64] = []

    var isPlaced: Bool { if case .placed = stage { true } else { false } }
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
    /// Requests that carry it and have not ended.
    var pending = 0
    /// Why it cannot be delivered, though other requests that carry it are still under way; empty or one.
    var failures: [LaneDeadLetter] = []
    /// Tries before this stay that count, and how long it was parked for them.
    var attempts = 0
    var waited = Duration.zero
    var key: IdempotencyKey
}

/// Names a part from outside its portion.
struct PartReference: Hashable {
    let portion: Int
    let part: Int
}
