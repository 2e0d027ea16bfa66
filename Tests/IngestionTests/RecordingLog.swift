import Catalog
import EventLog
import EventModel
import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

@testable import Ingestion

/// Stands where the log is: keeps what was appended and fails or waits on demand.
final class RecordingLog: Sendable {
    enum Behaviour: Sendable {
        case keep
        case fail
        case refuse(PartitionID)
        /// Waits until the behaviour changes.
        case hang
    }

    struct Away: Error {}
    struct Refused: ClassifiedError {
        var code: String { "refused" }
        var disposition: Disposition { .bury }
        var description: String { "refused" }
    }

    private struct State {
        var behaviour = Behaviour.keep
        var flushes: [[ChunkDraft]] = []
        var hanging: [CheckedContinuation<Void, Never>] = []
        var watchers: [CheckedContinuation<Void, Never>] = []
        var failures = 0
        var counting: [(when: @Sendable (Int, Int) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

        var kept: Int { flushes.joined().reduce(0) { $0 + $1.count } }

        /// Takes those who wait for what is now true.
        mutating func satisfied() -> [CheckedContinuation<Void, Never>] {
            let (kept, failures) = (kept, failures)
            let done = counting.filter { $0.when(kept, failures) }.map(\.continuation)
            counting.removeAll { $0.when(kept, failures) }
            return done
        }
    }

    private let state = Mutex(State())

    func behave(_ behaviour: Behaviour) {
        let resumed = state.withLock { state in
            state.behaviour = behaviour
            defer { state.hanging = [] }
            return state.hanging
        }
        for continuation in resumed { continuation.resume() }
    }

    /// Waits until an append hangs.
    func hanging() async {
        await withCheckedContinuation { continuation in
            let now = state.withLock { state in
                guard state.hanging.isEmpty else { return true }
                state.watchers.append(continuation)
                return false
            }
            if now { continuation.resume() }
        }
    }

    func append(_ drafts: [ChunkDraft]) async throws {
        if case .hang = state.withLock({ $0.behaviour }) {
            await withCheckedContinuation { continuation in
                let watchers = state.withLock { state in
                    state.hanging.append(continuation)
                    defer { state.watchers = [] }
                    return state.watchers
                }
                for watcher in watchers { watcher.resume() }
            }
        }
        let (error, done) = state.withLock { state -> ((any Error)?, [CheckedContinuation<Void, Never>]) in
            switch state.behaviour {
            case .fail:
                state.failures += 1
                return (Away(), state.satisfied())
            case .refuse(let partition) where drafts.contains { $0.partition == partition }:
                return (Refused(), [])
            default:
                state.flushes.append(drafts)
                return (nil, state.satisfied())
            }
        }
        for continuation in done { continuation.resume() }
        if let error { throw error }
    }

    /// Waits until `when` is true of the events kept and the appends failed.
    func reaches(_ when: @escaping @Sendable (_ kept: Int, _ failures: Int) -> Bool) async {
        await withCheckedContinuation { continuation in
            let now = state.withLock { state in
                if when(state.kept, state.failures) { return true }
                state.counting.append((when, continuation))
                return false
            }
            if now { continuation.resume() }
        }
    }

    /// How many events are kept.
    var kept: Int { state.withLock { $0.kept } }

    var failures: Int { state.withLock { $0.failures } }

    var flushes: [[ChunkDraft]] { state.withLock { $0.flushes } }

    /// The kept events in order, by partition.
    var events: [PartitionID: [String]] {
        var events: [PartitionID: [String]] = [:]
        for draft in flushes.joined() {
            var start = 0
            for entry in draft.entries {
                let bytes = draft.bodies[start..<start + Int(entry.length)]
                events[draft.partition, default: []].append(String(decoding: bytes, as: UTF8.self))
                start += Int(entry.length)
            }
        }
        return events
    }

    /// The kept events as objects.
    var objects: [[String: Any]] {
        events.values.joined().compactMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
        }
    }
}
