import Synchronization
import WorkerProtocol

/// What one caller wants of a plugin, and what it has got so far.
///
/// - Owner: the caller that leads; whoever waits is told by its continuation.
final class Submission: Sendable {
    enum Work: Sendable {
        case transform([PluginEvent])
        case build([PluginEvent])
        case classify([InputResponse])

        var count: Int {
            switch self {
            case .transform(let events), .build(let events): events.count
            case .classify(let responses): responses.count
            }
        }

        /// Whether several callers' work may go into one batch.
        var isShared: Bool { if case .build = self { false } else { true } }

        func isLike(_ other: Work) -> Bool {
            switch (self, other) {
            case (.transform, .transform), (.build, .build), (.classify, .classify): true
            default: false
            }
        }

        func bytes(at place: Int) -> Int {
            switch self {
            case .transform(let events), .build(let events): events[place].json.count
            case .classify(let responses): responses[place].body.count
            }
        }
    }

    /// What a caller that waited has to do.
    enum Turn: Sendable {
        /// Run batches until the own events are done.
        case lead
        /// Its result is there.
        case done
    }

    /// What came of it; which field depends on the work.
    struct Outcome: Sendable {
        var verdicts: [PluginVerdict] = []
        var plan = RequestPlan()
        var classifications: [Classification] = []
    }

    let work: Work
    private let progress = Mutex(Progress())

    private struct Progress {
        var taken = 0
        var outcome = Outcome()
        var result: Result<Outcome, PluginError>?
        var waiter: CheckedContinuation<Turn, Never>?
        var turn: Turn?
    }

    init(_ work: Work) { self.work = work }

    /// How many events went into a batch so far.
    var taken: Int { progress.withLock { $0.taken } }

    var isDone: Bool { progress.withLock { $0.result != nil } }

    var result: Result<Outcome, PluginError> { progress.withLock { $0.result ?? .failure(.stopped) } }

    func take(_ count: Int) { progress.withLock { $0.taken += count } }

    /// Adds what a batch gave.
    ///
    /// The result is there once all events were taken.
    func add(_ change: (inout Outcome) -> Void) {
        let waiter = progress.withLock { progress in
            change(&progress.outcome)
            guard progress.taken == work.count else { return CheckedContinuation<Turn, Never>?.none }
            progress.result = .success(progress.outcome)
            return Self.turn(.done, &progress)
        }
        waiter?.resume(returning: .done)
    }

    func fail(_ error: PluginError) {
        let waiter = progress.withLock { progress in
            progress.result = .failure(error)
            return Self.turn(.done, &progress)
        }
        waiter?.resume(returning: .done)
    }

    func lead() {
        progress.withLock { Self.turn(.lead, &$0) }?.resume(returning: .lead)
    }

    /// Waits until this caller must lead or has its result.
    func turn() async -> Turn {
        await withCheckedContinuation { continuation in
            let turn = progress.withLock { progress in
                if progress.turn == nil { progress.waiter = continuation }
                return progress.turn
            }
            if let turn { continuation.resume(returning: turn) }
        }
    }

    private static func turn(_ turn: Turn, _ progress: inout Progress) -> CheckedContinuation<Turn, Never>? {
        progress.turn = turn
        defer { progress.waiter = nil }
        return progress.waiter
    }
}
