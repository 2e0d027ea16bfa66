package import Conditions
package import EventLog
package import EventModel
import Synchronization

/// Where lanes and ingestion show what passes, and where people watch it.
///
/// While nobody watches a stage, it costs those who pass it one look at a number. While somebody does, they copy what is
/// wished for and go on: whatever is slow, such as a condition, the making of texts and a network, is done by the
/// watcher's own task.
///
/// - Owner: the pipeline.
package final class TailHub: Sendable {
    private struct State {
        var rings: [UInt64: TailRing] = [:]
        var nextNumber: UInt64 = 0
        var isClosed = false

        /// The bits of all stages that somebody watches.
        var stages: UInt8 { rings.values.reduce(0) { $0 | $1.wish.stage.bit } }
    }

    /// How long nothing is said to those who watch, so that a connection that is gone is noticed.
    static let silence = Duration.seconds(5)
    /// How many may watch on one server.
    package static let mostWatchers = 16

    /// One bit for each stage that somebody watches.
    private let stages = Atomic<UInt8>(0)
    private let state = Mutex(State())
    private let bounds: TailRing.Bounds

    init(bounds: TailRing.Bounds = .init()) { self.bounds = bounds }

    /// How many watch now.
    package var watchers: Int { state.withLock { $0.rings.count } }

    /// Whether somebody watches a stage; cheap enough to be asked for everything that passes.
    func isWatched(_ stage: TailStage) -> Bool { stages.load(ordering: .relaxed) & stage.bit != 0 }

    /// Begins to watch; nil when so many do that nobody more may, or when the server ends.
    /// - Throws: where the wish's condition is wrong.
    package func watch(_ wish: TailWish) throws(ConditionError) -> TailWatcher? {
        var condition: Condition?
        if let text = wish.condition { condition = try Condition(parsing: text) }
        let ring = TailRing(wish, userHash: wish.user.map { EventHash.key($0) }, bounds)
        let number = state.withLock { state -> UInt64? in
            guard !state.isClosed, state.rings.count < Self.mostWatchers else { return nil }
            state.nextNumber += 1
            state.rings[state.nextNumber] = ring
            stages.store(state.stages, ordering: .relaxed)
            return state.nextNumber
        }
        return number.map { TailWatcher(self, $0, ring, condition) }
    }

    func leave(_ number: UInt64) {
        state.withLock { state in
            state.rings[number] = nil
            stages.store(state.stages, ordering: .relaxed)
        }
    }

    /// Lets those who watch look now and then though nothing comes, until the task is cancelled.
    func run() async {
        while (try? await Task.sleep(for: Self.silence, clock: .continuous)) != nil {
            for ring in state.withLock({ Array($0.rings.values) }) { ring.nudge() }
        }
    }

    /// Lets everybody come to an end, and nobody begin.
    package func close() {
        let rings = state.withLock { state in
            state.isClosed = true
            return Array(state.rings.values)
        }
        for ring in rings { ring.close() }
    }

    /// Gives those who wish for it what passes a place, made only if somebody does.
    func show(at place: TailBatch.Place, _ batch: () -> TailBatch) {
        let rings = state.withLock { $0.rings.values.filter { $0.wants(place) } }
        guard !rings.isEmpty else { return }
        let batch = batch()
        for ring in rings { ring.offer(batch) }
    }
}

extension TailHub {
    /// Shows events that were committed; the drafts and where each of them was put.
    package func showAccepted(_ drafts: [ChunkDraft], _ chunks: [AppendedChunk]) {
        guard isWatched(.accepted) else { return }
        for (draft, chunk) in zip(drafts, chunks) {
            let place = TailBatch.Place(stage: .accepted, partition: chunk.partition)
            show(at: place) {
                var start = 0
                let entries = draft.entries.enumerated().map { index, entry in
                    defer { start += Int(entry.length) }
                    return TailBatch.Entry(
                        offset: chunk.firstOffset + Int64(index),
                        part: nil,
                        userHash: entry.userHash,
                        range: start..<start + Int(entry.length)
                    )
                }
                // The draft's own bytes, which nobody changes any more.
                return TailBatch(place, at: chunk.sliceTime, bytes: draft.bodies, entries: entries)
            }
        }
    }
}

extension TailStage {
    fileprivate var bit: UInt8 {
        switch self {
        case .accepted: 1
        case .transformed: 2
        case .delivered: 4
        }
    }
}
