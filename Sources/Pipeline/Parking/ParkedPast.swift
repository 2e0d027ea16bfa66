package import Delivery

/// What the row of something that is parked keeps for its dead letter, as long as that is not committed.
///
/// Nobody holds it in memory while it is parked: the database puts it into the dead letter when it removes the row.
package struct ParkedPast: Equatable, Sendable {
    /// The event as it was accepted.
    ///
    /// - Shape: empty where the parked part is that; nil where the row has it already, or it is read from the log again.
    package var before: [UInt8]?
    /// The latest tries since the row was committed.
    package var tries: [Attempt]

    package init(before: [UInt8]? = nil, tries: [Attempt] = []) {
        self.before = before
        self.tries = tries
    }

    var isEmpty: Bool { before == nil && tries.isEmpty }

    /// What is to be stored of it, in bytes and about; each try is stored with its request.
    var size: Int { tries.reduce(before?.count ?? 0) { $0 + $1.size + ($1.request?.size ?? 0) } }

    /// The same after it was parked once more.
    func followed(by newer: ParkedPast) -> ParkedPast {
        ParkedPast(before: before ?? newer.before, tries: tries.followed(by: newer.tries))
    }
}

extension [Attempt] {
    /// The latest of these and of the ones after them.
    func followed(by newer: [Attempt]) -> [Attempt] {
        isEmpty ? newer : Array((self + newer).suffix(Courier.maximumAttemptsKept))
    }
}

extension LaneDeadLetter {
    var key: ParkedKey { ParkedKey(offset: offset, part: part) }

    /// The same of something whose row was never committed with what it was to keep.
    func following(_ past: ParkedPast?) -> LaneDeadLetter {
        guard let past else { return self }
        var letter = self
        letter.attempts = past.tries.followed(by: attempts)
        if let known = past.before, before.isEmpty {
            letter.before = known.isEmpty ? after ?? [] : known
            if known.isEmpty { letter.after = nil }
        }
        return letter
    }
}
