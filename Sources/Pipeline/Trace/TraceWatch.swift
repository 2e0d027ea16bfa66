package import EventLog
import EventModel

/// Which events are written down though nothing happened to them: a sample, and those that somebody follows.
///
/// The sample follows from the message id alone, so every connection with the same rate samples the same events.
package struct TraceWatch: Equatable, Sendable {
    /// The highest message hash that belongs to the sample; nil for none.
    private var sampledUpTo: UInt64?
    /// Until when, by the hashes of their keys.
    /// - Unit: microseconds since 1970.
    package var users: [UInt64: Int64]
    package var messages: [MessageHash: Int64]

    /// `sample` is the share of events, from 0 to 1.
    package init(sample: Double = 0, users: [UInt64: Int64] = [:], messages: [MessageHash: Int64] = [:]) {
        self.users = users
        self.messages = messages
        set(sample: sample)
    }

    package mutating func set(sample: Double) {
        guard sample > 0 else {
            sampledUpTo = nil
            return
        }
        sampledUpTo = sample >= 1 ? .max : UInt64(sample * 0x1p64)
    }

    @inline(__always)
    func keep(user: UInt64, _ message: MessageHash, at now: Int64) -> TraceKeep {
        if !users.isEmpty || !messages.isEmpty, isFollowed(user, message, at: now) { return .traced }
        if let sampledUpTo, message.low <= sampledUpTo { return .sampled }
        return .no
    }

    @inline(never)
    private func isFollowed(_ user: UInt64, _ message: MessageHash, at now: Int64) -> Bool {
        users[user].map { $0 > now } ?? false || messages[message].map { $0 > now } ?? false
    }
}

extension TraceWatch {
    /// Whom people follow now; each of them may be a user's key or a message id.
    init(_ tracings: [Tracing]) {
        self.init()
        for tracing in tracings {
            let (user, message) = (EventHash.key(tracing.subject), EventHash.message(tracing.subject))
            users[user] = max(users[user] ?? 0, tracing.until)
            messages[message] = max(messages[message] ?? 0, tracing.until)
        }
    }
}

/// Whether an event is written down whatever becomes of it.
package enum TraceKeep: UInt8, Sendable {
    case no, sampled, traced
}

/// How many rows a lane may write in a second, so that nothing that happens to many events at once floods the database.
struct TraceMeter: Sendable {
    private var second: Int64 = 0
    private var counts: [EventTrace.Cause: Int] = [:]
    /// Rows that were not written for want of room, since the last look.
    var leftOut = 0

    /// - Unit: rows a second and lane.
    static func limit(_ cause: EventTrace.Cause) -> Int {
        switch cause {
        case .sampled: 10
        case .failed, .parked: 25
        case .traced: 200
        }
    }

    /// Whether one more may be written; one that may not is counted.
    mutating func admits(_ cause: EventTrace.Cause, at now: Int64, hasRoom: Bool) -> Bool {
        if now / 1_000_000 != second {
            second = now / 1_000_000
            counts = [:]
        }
        guard hasRoom, counts[cause, default: 0] < Self.limit(cause) else {
            leftOut += 1
            return false
        }
        counts[cause, default: 0] += 1
        return true
    }
}
