/// Finds the event that ends workers, by trying: a list of what is still to be run.
///
/// A value: it starts nothing.
///
/// After a crash the event that was probably being worked on is run alone, after those before it and before those behind
/// it; when it ends a worker again it is the culprit. Without a useful hint the batch is halved. So every trial is a
/// stretch of the batch and the answers come in its order, but for events that are to run again.
struct Isolation {
    /// What became of a trial.
    enum Result: Equatable {
        /// Every event has its verdict.
        case answered
        /// The worker ended for `cause`; `suspect` is the event it was probably working on, as its place in the trial.
        case ended(FailureCause, suspect: Int?)
    }

    /// Events that are run as one batch, as places in the batch that was given, ascending.
    typealias Trial = [Int]

    private var trials: [Trial]
    private(set) var culprits: [(event: Int, cause: FailureCause)] = []
    /// The workers that ended so far.
    private(set) var kills = 0
    private let count: Int
    private let killBudget: Int
    private let culpritShare: Double

    init(count: Int, killBudget: Int, culpritShare: Double) {
        trials = count > 0 ? [Array(0..<count)] : []
        self.count = count
        self.killBudget = killBudget
        self.culpritShare = culpritShare
    }

    /// What to run next, or nil when every event has its verdict.
    var next: Trial? { trials.last }

    /// Whether so many different events end workers that the plugin itself must be at fault.
    var isHopeless: Bool {
        kills >= killBudget && Double(culprits.count) > Double(max(count, killBudget)) * culpritShare
    }

    /// Takes the result of the trial that `next` named.
    mutating func take(_ result: Result) {
        let trial = trials.removeLast()
        guard case .ended(let cause, let suspect) = result else { return }
        kills += 1
        if trial.count == 1 {
            culprits.append((trial[0], cause))
            return
        }
        if kills >= killBudget {
            // The search has cost enough: every event that is left goes alone.
            trials.append(contentsOf: trial.reversed().map { [$0] })
            return
        }
        if let suspect, trial.indices.contains(suspect) {
            runAgain([trial[..<suspect], trial[suspect...suspect], trial[(suspect + 1)...]])
        } else {
            runAgain(halving: trial)
        }
    }

    /// Puts events back that have no verdict yet although their trial was answered.
    mutating func runAgain(_ events: Trial) { trials.append(events) }

    /// Puts events back as two trials, the first half to be run first.
    mutating func runAgain(halving events: Trial) {
        let half = events.count / 2
        runAgain([events[..<half], events[half...]])
    }

    private mutating func runAgain(_ stretches: [ArraySlice<Int>]) {
        for stretch in stretches.reversed() where !stretch.isEmpty { trials.append(Array(stretch)) }
    }
}
