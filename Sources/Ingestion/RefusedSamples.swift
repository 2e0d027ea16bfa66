package import EventLog
import EventModel
import Synchronization

/// Counts refused events by source and reason, and keeps a few of each to look at.
///
/// Nothing is written on the path of a request: a service takes what was gathered once a second. What was gathered since
/// then is lost when the process is killed, so the counts are exact after a clean shutdown only.
package final class RefusedSamples: Sendable {
    private struct Key: Hashable {
        let source: SourceID
        let reason: EventRefusal
    }

    private struct State {
        var counts: [Key: Int64] = [:]
        var sampled: [Key: Int] = [:]
        var samples: [RefusedSample] = []
        /// Gathered, numbered, and not known to be stored.
        var pending: RefusedFlush?
        var flushes: Int64 = 0
    }

    /// The longest part of an event that is kept, in bytes.
    static let payloadBytes = 1024
    /// The most samples of one source and reason between two writes.
    static let samplesEach = 4
    /// The most samples between two writes.
    static let samplesTotal = 64

    private let state = Mutex(State())

    package init() {}

    /// Counts one refused event and keeps its beginning if there is room.
    func add(_ reason: EventRefusal, of source: SourceID, _ event: ArraySlice<UInt8>) {
        state.withLock { state in
            let key = Key(source: source, reason: reason)
            state.counts[key, default: 0] += 1
            guard state.samples.count < Self.samplesTotal, state.sampled[key, default: 0] < Self.samplesEach else {
                return
            }
            state.sampled[key, default: 0] += 1
            state.samples.append(
                RefusedSample(
                    source: source,
                    reason: reason.rawValue,
                    detail: "\(reason.message) (\(event.count) bytes)",
                    sample: Array(event.prefix(Self.payloadBytes))
                )
            )
        }
    }

    /// What is to be stored next; nil when there is nothing.
    ///
    /// The same flush again until it is `settled`, so that the store can tell a repetition.
    package func flush(at: Int64) -> RefusedFlush? {
        state.withLock { state in
            if let pending = state.pending { return pending }
            guard !state.counts.isEmpty else { return nil }
            let flush = RefusedFlush(
                number: state.flushes + 1,
                at: at,
                counts: state.counts.map {
                    RefusedCount(source: $0.key.source, reason: $0.key.reason.rawValue, events: $0.value)
                },
                samples: state.samples
            )
            state = State(pending: flush, flushes: flush.number)
            return flush
        }
    }

    /// Takes note that a flush is stored, or can never be.
    package func settled(_ flush: RefusedFlush) {
        state.withLock { state in
            if state.pending?.number == flush.number { state.pending = nil }
        }
    }
}
