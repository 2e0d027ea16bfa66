import EventModel

/// One lane as the database has it, to be held against the rules.
struct LaneAudit: Equatable, Sendable {
    /// Where the partition ends.
    var end: Int64 = 0
    /// Of the partition's lease; nil where nobody ever had it.
    var leaseEpoch: Int64?
    var epoch: Int64 = 0
    var start: Int64 = 0
    var next: Int64 = 0
    var settled: [UInt8] = []
    var expired: Int64 = 0
    var counts = Counts()
    /// Rows of parked events and of parked parts.
    var parkedEvents: Int64 = 0
    var parkedParts: Int64 = 0
    /// Of these, the ones that do not lie between the lane's beginning and the partition's end.
    var parkedOutside: Int64 = 0
    /// Of these, the ones that the lane's position and bitmap do not call settled.
    var parkedUnsettled: Int64 = 0
    /// Dead letters that are kept of parts and of whole events.
    var deadParts: Int64 = 0
    var deadEvents: Int64 = 0
    /// Whether all that were ever written must be there.
    var keepsDeadLetters = false

    /// What is wrong, each with the check that it belongs to.
    var faults: [(check: String, sentence: String)] {
        positionFaults + countFaults + parkedFaults + deadLetterFaults + leaseFaults
    }

    private var settledCount: Int64 { settled.reduce(0) { $0 + Int64($1.nonzeroBitCount) } }

    /// The offset behind the last one that the bitmap calls settled.
    private var settledEnd: Int64 {
        guard let last = settled.lastIndex(where: { $0 != 0 }) else { return next }
        return next + Int64(last * 8 + 8 - settled[last].leadingZeroBitCount)
    }

    private var positionFaults: [(check: String, sentence: String)] {
        if next < start { return [("counts", "its position \(next) is before its beginning \(start)")] }
        if settledEnd > end {
            return [("counts", "it calls offset \(settledEnd - 1) settled, but the partition ends at \(end)")]
        }
        return []
    }

    private var countFaults: [(check: String, sentence: String)] {
        var faults: [(check: String, sentence: String)] = []
        let unread = end - next - settledCount + parkedEvents
        if end - start != counts.read + unread + expired {
            faults.append(
                (
                    "counts",
                    "accepted \(end - start) is not read \(counts.read) + unread \(unread) + expired \(expired): it has "
                        + "settled \(next - start + settledCount) events, of which \(parkedEvents) are parked"
                )
            )
        }
        let fates = counts.duplicates + counts.filtered + counts.dropped + counts.failed + counts.transformed
        if counts.read != fates {
            faults.append(("counts", "read \(counts.read) is not the \(fates) that something became of"))
        }
        let ends = counts.delivered + counts.deadLettered + counts.waiting
        if counts.emitted != ends {
            faults.append(("counts", "emitted \(counts.emitted) is not delivered + dead + waiting, \(ends)"))
        }
        if ([expired] + counts.columns).contains(where: { $0 < 0 }) {
            faults.append(("counts", "one of its counts is below 0"))
        }
        return faults
    }

    private var parkedFaults: [(check: String, sentence: String)] {
        var faults: [(check: String, sentence: String)] = []
        if counts.waiting != parkedParts {
            faults.append(("parked", "waiting \(counts.waiting) is not the \(parkedParts) parts that are parked"))
        }
        if parkedOutside > 0 {
            faults.append(("parked", "\(parkedOutside) parked rows lie outside of \(start) to \(end - 1)"))
        }
        if parkedUnsettled > 0 {
            faults.append(("parked", "\(parkedUnsettled) parked rows are of events that the lane has still to read"))
        }
        return faults
    }

    /// What is wrong with its dead letters alone.
    var deadLetterFaults: [(check: String, sentence: String)] {
        [
            ("dead letters of parts", deadParts, counts.deadLettered),
            ("dead letters of events", deadEvents, counts.failed),
        ]
        .compactMap { name, kept, counted in
            guard kept > counted || keepsDeadLetters && kept < counted else { return nil }
            return ("dead letters", "\(kept) \(name) are kept and \(counted) were counted")
        }
    }

    private var leaseFaults: [(check: String, sentence: String)] {
        guard epoch > leaseEpoch ?? 0 else { return [] }
        return [("leases", "its last commit is of epoch \(epoch), but the lease's is \(leaseEpoch ?? 0)")]
    }
}
