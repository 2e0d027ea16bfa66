import EventModel
import Synchronization

/// How fast the lanes of one replay may read on this node: a bucket that fills with the node's share of the rate.
///
/// A value without a clock; the owner waits.
struct PaceBucket: Sendable {
    /// - Unit: events a second.
    private(set) var rate = 0.0
    /// Events that may be read now; below 0 after more was read than there was.
    private var level = 0.0
    private var filledAt: ContinuousClock.Instant?

    /// How much may be saved up while nobody reads.
    /// - Unit: seconds.
    static let savings = 0.1

    mutating func set(rate new: Double, at now: ContinuousClock.Instant) {
        fill(at: now)
        rate = new
        level = min(level, rate * Self.savings)
    }

    /// Takes so many events out; nil if that is done, else how long to wait before the next try.
    mutating func take(_ events: Int, at now: ContinuousClock.Instant) -> Duration? {
        fill(at: now)
        guard rate > 0 else { return Self.longestWait }
        guard level >= 0 else { return min(.seconds(-level / rate) + .milliseconds(1), Self.longestWait) }
        level -= Double(events)
        return nil
    }

    /// Puts back what was taken and not needed.
    mutating func giveBack(_ events: Int) { level += Double(events) }

    /// The rate may change meanwhile.
    private static let longestWait = Duration.milliseconds(200)

    private mutating func fill(at now: ContinuousClock.Instant) {
        if let filledAt {
            let gained = (filledAt.duration(to: now) / .seconds(1)) * rate
            level = min(level + gained, max(level, rate * Self.savings))
        }
        filledAt = now
    }
}

/// Holds the lanes of one replay on this node to their share of its rate.
///
/// - Owner: the pipeline; every lane of the replay asks it before it reads.
final class ReplayPace: Sendable {
    private struct State {
        var bucket = PaceBucket()
        var rate = 0
        var share = 0.0
    }

    private let state = Mutex(State())

    /// The rate over all nodes.
    func set(rate: Int) { change { $0.rate = rate } }

    /// The part of the replay's remaining events that lies in this node's lanes.
    func set(share: Double) { change { $0.share = share } }

    private func change(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            state.bucket.set(rate: Double(state.rate) * state.share, at: .now)
        }
    }

    /// The events that one read should bring, so that they come evenly.
    var portion: Int { state.withLock { max(1, Int($0.bucket.rate * Self.portionTime)) } }

    /// - Unit: seconds.
    private static let portionTime = 0.1

    /// Waits until so many events may be read; false if the task was cancelled.
    func take(_ events: Int) async -> Bool {
        while !Task.isCancelled {
            guard let wait = state.withLock({ $0.bucket.take(events, at: .now) }) else { return true }
            try? await Task.sleep(for: wait, clock: .continuous)
        }
        return false
    }

    /// Says how many of the events that were taken are sent: only those count against the rate.
    func settle(taken: Int, sent: Int) { state.withLock { $0.bucket.giveBack(taken - sent) } }
}

/// The paces of all replays on this node.
///
/// - Owner: the pipeline.
final class ReplayPaces: Sendable {
    private let paces = Mutex<[ConsumerID: ReplayPace]>([:])

    subscript(replay: ConsumerID) -> ReplayPace {
        paces.withLock { paces in
            if let known = paces[replay] { return known }
            let new = ReplayPace()
            paces[replay] = new
            return new
        }
    }

    func forget(allBut replays: Set<ConsumerID>) {
        paces.withLock { $0 = $0.filter { replays.contains($0.key) } }
    }
}
