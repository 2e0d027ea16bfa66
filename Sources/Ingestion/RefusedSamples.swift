package import EventModel
import Synchronization

/// Counts refused events by source and reason, and keeps a few of each to look at.
///
/// Nothing is written on the path of a request: a service takes what was gathered once a second. What was gathered since
/// then is lost when the process is killed, so the counts are exact after a clean shutdown only.
package final class RefusedSamples: Sendable {
    /// One refused event, cut to a length that a person can read.
    package struct Sample: Equatable, Sendable {
        package let source: SourceID
        package let reason: EventRefusal
        package let receivedAt: Int64
        package let payload: [UInt8]
        /// The length of the whole event, in bytes.
        package let length: Int
    }

    /// How many events of one source were refused for one reason.
    package struct Count: Equatable, Sendable {
        package let source: SourceID
        package let reason: EventRefusal
        package let count: Int64
    }

    private struct Key: Hashable {
        let source: SourceID
        let reason: EventRefusal
    }

    private struct State {
        var counts: [Key: Int64] = [:]
        var sampled: [Key: Int] = [:]
        var samples: [Sample] = []
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
    func add(_ reason: EventRefusal, of source: SourceID, _ event: ArraySlice<UInt8>, at receivedAt: EventTime) {
        state.withLock { state in
            let key = Key(source: source, reason: reason)
            state.counts[key, default: 0] += 1
            guard state.samples.count < Self.samplesTotal, state.sampled[key, default: 0] < Self.samplesEach else {
                return
            }
            state.sampled[key, default: 0] += 1
            state.samples.append(
                Sample(
                    source: source,
                    reason: reason,
                    receivedAt: receivedAt.microseconds,
                    payload: Array(event.prefix(Self.payloadBytes)),
                    length: event.count
                )
            )
        }
    }

    /// Takes everything gathered so far; nil when there is nothing.
    package func take() -> (counts: [Count], samples: [Sample])? {
        state.withLock { state in
            guard !state.counts.isEmpty else { return nil }
            defer { state = State() }
            let counts = state.counts.map { Count(source: $0.key.source, reason: $0.key.reason, count: $0.value) }
            return (counts, state.samples)
        }
    }

    /// Puts back what could not be written: all counts, and the samples that still fit.
    package func putBack(_ taken: (counts: [Count], samples: [Sample])) {
        state.withLock { state in
            for count in taken.counts {
                state.counts[Key(source: count.source, reason: count.reason), default: 0] += count.count
            }
            state.samples = Array((taken.samples + state.samples).prefix(Self.samplesTotal))
        }
    }
}
