/// Some of the users whose events a request carries.
package struct UserSample: Equatable, Sendable {
    private var first: UInt64?
    private var others: [UInt64] = []

    /// The most users that are noted of a request.
    package static let most = 4

    package init() {}

    /// The first users of these, told apart by their hashes; of a request of one event nothing is allocated.
    package init(_ hashes: some Sequence<UInt64>) {
        for hash in hashes {
            guard first != nil else {
                first = hash
                continue
            }
            if hash == first || others.contains(hash) { continue }
            others.append(hash)
            if others.count == Self.most - 1 { break }
        }
    }

    func forEach(_ body: (UInt64) -> Void) {
        guard let first else { return }
        body(first)
        for other in others { body(other) }
    }
}

/// Whether a destination takes this server's credentials: 401 and 403 may speak of one user or of everybody.
///
/// It looks at the last outcomes of a few users. When at least half of them were refused, or nobody was served for a long
/// time, the credentials are at fault, and the destination is to be paused; while others are served it is the user's.
package struct Credentials: Sendable {
    private struct Outcome {
        var user: UInt64
        var isRefused: Bool
        var at: ContinuousClock.Instant
    }

    private var outcomes: [Outcome] = []
    /// The place of the oldest, once all are used.
    private var next = 0
    private var lastServed: ContinuousClock.Instant?
    private var firstRefused: ContinuousClock.Instant?
    private var refusals = 0

    /// Outcomes that are remembered.
    package static let window = 16
    /// Users of whom so many were refused are many enough to tell.
    package static let leastUsers = 8
    /// Answers that it takes at the least, since one request may carry many users.
    package static let leastRefusals = 3
    /// The part of recent users that is a large one.
    package static let largeShare = 0.5

    package init() {}

    package func served(since instant: ContinuousClock.Instant) -> Bool { lastServed.map { $0 > instant } ?? false }

    package mutating func served(_ users: UserSample, at now: ContinuousClock.Instant) {
        lastServed = now
        users.forEach { note(Outcome(user: $0, isRefused: false, at: now)) }
    }

    package mutating func refused(_ users: UserSample, at now: ContinuousClock.Instant) {
        if firstRefused == nil { firstRefused = now }
        refusals += 1
        users.forEach { note(Outcome(user: $0, isRefused: true, at: now)) }
    }

    /// Forgets everything: it is another destination now, or the decision was told.
    package mutating func renew() { self = Credentials() }

    /// How many recent users there are, and how many of them were refused last.
    package var recent: (users: Int, refused: Int) {
        var last: [UInt64: Outcome] = [:]
        for outcome in outcomes where last[outcome.user].map({ $0.at <= outcome.at }) ?? true {
            last[outcome.user] = outcome
        }
        return (last.count, last.values.count(where: \.isRefused))
    }

    /// Whether a large share of the recent users was refused.
    package var isLargeShare: Bool {
        let (users, refused) = recent
        return Double(refused) >= Double(users) * Self.largeShare
    }

    /// Why the destination is to be paused; nil while it is not.
    package func fault(at now: ContinuousClock.Instant, patience: Duration, answer: String) -> String? {
        guard let firstRefused, refusals >= Self.leastRefusals, isLargeShare else { return nil }
        let (users, refused) = recent
        let text = "\(refused) of \(users) recent users were refused, the last answer was \(answer)"
        if refused >= Self.leastUsers { return text }
        let idle = now - max(firstRefused, lastServed ?? firstRefused)
        return idle >= patience ? "\(text), and nobody was served for \(idle.components.seconds) s" : nil
    }

    private mutating func note(_ outcome: Outcome) {
        if outcomes.count < Self.window {
            outcomes.append(outcome)
        } else {
            outcomes[next] = outcome
            next = (next + 1) % Self.window
        }
    }
}
