import WorkerProtocol

/// Who waits for a plugin, in the order in which they came, and whether someone leads.
///
/// A value: it runs nothing.
struct SubmissionQueue {
    /// A stretch of one submission inside a batch.
    struct Share {
        let submission: Submission
        /// The events of the submission.
        let range: Range<Int>
    }

    private var waiting: [Submission] = []
    private(set) var isLed = false
    private(set) var isStopped = false

    /// - Returns: Whether the caller must lead; nil when nothing is taken any more.
    mutating func enter(_ submission: Submission) -> Bool? {
        guard !isStopped else { return nil }
        waiting.append(submission)
        defer { isLed = true }
        return !isLed
    }

    /// Takes events for the next batch: of as many callers as fit for `transform` and `classify`, of one caller for
    /// `build`.
    mutating func nextBatch(events most: Int, bytes mostBytes: Int) -> [Share] {
        var shares: [Share] = []
        var events = 0
        var bytes = 0
        for submission in waiting {
            let isFirst = shares.isEmpty
            let work = submission.work
            guard work.isShared else {
                if isFirst { shares.append(share(of: submission, most: most, bytes: mostBytes)) }
                break
            }
            // A batch is of one kind.
            guard isFirst || shares[0].submission.work.isLike(work) else { break }
            let start = submission.taken
            var end = start
            while end < work.count, events < most, events == 0 || bytes + work.bytes(at: end) <= mostBytes {
                bytes += work.bytes(at: end)
                events += 1
                end += 1
            }
            if end > start { shares.append(take(submission, start..<end)) }
            if end < work.count { break }
        }
        waiting.removeAll { $0.taken == $0.work.count }
        return shares
    }

    /// Hands over once the leader has what it came for.
    ///
    /// - Returns: Who leads from now on.
    mutating func handOver() -> Submission? {
        isLed = !waiting.isEmpty
        return waiting.first
    }

    /// Takes nothing more.
    ///
    /// - Returns: Who waits in vain.
    mutating func stop() -> [Submission] {
        isStopped = true
        defer { waiting = [] }
        return waiting
    }

    /// A submission failed as a whole.
    mutating func remove(_ submission: Submission) { waiting.removeAll { $0 === submission } }

    private func share(of submission: Submission, most: Int, bytes mostBytes: Int) -> Share {
        let start = submission.taken
        var end = start
        var bytes = 0
        while end < submission.work.count, end - start < most {
            if case .build(let events) = submission.work {
                if end > start, bytes + events[end].json.count > mostBytes { break }
                bytes += events[end].json.count
            }
            end += 1
        }
        return take(submission, start..<end)
    }

    private func take(_ submission: Submission, _ range: Range<Int>) -> Share {
        submission.take(range.count)
        return Share(submission: submission, range: range)
    }
}
