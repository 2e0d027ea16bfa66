import Catalog
import Delivery
import EventModel

/// How delivery to one destination stands on this node, and what waits for what.
struct DeliveryStanding {
    /// Something that waits: why, in a word and in a sentence, and until when if that is known.
    struct Wait: Equatable {
        let reason: String
        let words: String
        let count: Int
        /// - Unit: microseconds since 1970.
        let until: Int64?
    }

    var courier = Courier.Status()
    var lanes = 0
    var standing = LaneStanding()
    /// Lanes that stand still because the database refuses what happened in them.
    var refused = 0
    /// Portions that wait for plugins that cannot run.
    var plugins: [PluginWaits.Cause: Int] = [:]

    /// What waits, requests first.
    func waits(at now: Moment) -> [Wait] {
        var waits: [Wait] = []
        if courier.reason != .nothing {
            let until = courier.nextTry.map { now.wall + $0.microseconds }
            var words = courier.reason.words + (courier.detail.map { ": \($0)" } ?? "")
            if let code = courier.lastFailure, courier.reason.followsFailure { words += "; it last gave \(code)" }
            waits.append(Wait(reason: courier.reason.rawValue, words: words, count: courier.waiting, until: until))
        }
        if standing.parked > 0 {
            let words = "\(standing.parked) events, or parts of them, wait out the delays after failures of their users"
            waits.append(Wait(reason: "backoff", words: words, count: standing.parked, until: standing.nextDue))
        }
        if standing.full > 0 {
            let words = "\(standing.full) lanes read nothing more for any user, since so much waits out delays already"
            waits.append(Wait(reason: "full", words: words, count: standing.full, until: standing.nextDue))
        }
        if standing.lingering > 0 {
            let words = "\(standing.lingering) events wait for more, so that requests are filled"
            waits.append(Wait(reason: "linger", words: words, count: standing.lingering, until: standing.lingersUntil))
        }
        for (cause, portions) in plugins.sorted(by: { $0.key.sortKey < $1.key.sortKey }) {
            let words = "the plugin \(cause.plugin.id)@\(cause.plugin.version) cannot run (\(cause.code))"
            waits.append(Wait(reason: "plugin", words: words, count: portions, until: nil))
        }
        if refused > 0 {
            let words = "the database refuses the progress of \(refused) lanes; the server's log says why"
            waits.append(Wait(reason: "database", words: words, count: refused, until: nil))
        }
        return waits
    }

    /// When something is tried again next.
    /// - Unit: microseconds since 1970.
    func nextRetry(at now: Moment) -> Int64? {
        let request = courier.nextTry.map { now.wall + $0.microseconds }
        return [request, standing.nextDue].compactMap { $0 }.min()
    }

    /// What may be sent in a second now, whichever of the limits is the narrowest; nil without a limit.
    var requestsPerSecond: Double? {
        [courier.requestsPerSecond, courier.adaptiveRate].compactMap { $0 }.min()
    }

    /// As the other nodes show it; times are whole seconds, so that it changes only when something does.
    func document(at now: Moment) -> Document {
        [
            "lanes": .integer(lanes),
            "concurrency": .integer(courier.concurrency),
            "share": .number(Self.rounded(courier.share)),
            "requestsPerSecond": .number(courier.requestsPerSecond.map(Self.rounded)),
            "eventsPerSecond": .number(courier.eventsPerSecond.map(Self.rounded)),
            "adaptiveRate": .number(courier.adaptiveRate.map(Self.rounded)),
            "circuit": .text(circuit),
            "inFlight": .integer(courier.inFlight),
            "waiting": .integer(courier.waiting),
            "parked": .integer(standing.parked),
            "lingering": .integer(standing.lingering),
            "throttledLately": .integer(courier.throttledLately),
            "failedLately": .integer(courier.failedLately),
            "nextRetry": Self.time(nextRetry(at: now)),
            "waits": .list(
                waits(at: now).map { wait in
                    [
                        "reason": .text(wait.reason), "words": .text(wait.words), "count": .integer(wait.count),
                        "until": Self.time(wait.until),
                    ]
                }
            ),
        ]
    }

    private var circuit: String {
        switch courier.circuit {
        case .closed: "closed"
        case .open: "open"
        case .probing: "probing"
        }
    }

    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

    /// - Unit: seconds since 1970.
    private static func time(_ wall: Int64?) -> Document { wall.map { .integer(($0 + 500_000) / 1_000_000) } ?? nil }
}

extension Courier.Reason {
    /// Whether a failure brought it about, so that people want to know which.
    fileprivate var followsFailure: Bool {
        switch self {
        case .unauthorized, .down, .probing, .asked, .retry: true
        case .nothing, .lease, .secret, .transport, .throttled, .rate, .concurrency: false
        }
    }
}
