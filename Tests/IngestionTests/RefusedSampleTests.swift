import EventLog
import EventModel
import Logging
import Synchronization
import Testing

@testable import Ingestion

@Suite struct RefusedSampleTests {
    static let source = SourceID(rawValue: 7)

    /// What a store was given, and whether it fails.
    final class Store: Sendable {
        struct Away: Error {}
        struct State {
            var isAway = false
            var counts: [String: Int64] = [:]
            var samples = 0
            var flushes: [Int64] = []
        }
        let state = Mutex(State())

        func write(_ flush: RefusedFlush) throws {
            try state.withLock { state in
                state.flushes.append(flush.number)
                if state.isAway { throw Away() }
                for count in flush.counts { state.counts[count.reason, default: 0] += count.events }
                state.samples += flush.samples.count
            }
        }
    }

    @Test func `Counts are exact and samples are few and short`() throws {
        let samples = RefusedSamples()
        let long = [UInt8](repeating: 0x61, count: 5000)
        for _ in 0..<1000 {
            samples.add(.unknownType, of: Self.source, long[...])
            samples.add(.noIdentity, of: Self.source, long[10...20])
        }
        for number in 0..<1000 {
            samples.add(.notAnObject, of: SourceID(rawValue: Int64(number)), long[...0])
        }
        let taken = try #require(samples.flush(at: 0))
        #expect(taken.counts.reduce(0) { $0 + $1.events } == 3000)
        #expect(
            taken.samples.filter { $0.reason == EventRefusal.unknownType.rawValue }.count == RefusedSamples.samplesEach
        )
        #expect(taken.samples.count == RefusedSamples.samplesTotal)
        #expect(taken.samples.allSatisfy { $0.sample.count <= RefusedSamples.payloadBytes })
        #expect(taken.samples[0].detail.hasSuffix("(5000 bytes)"))
    }

    @Test func `What could not be written is written again as it was, before what came after`() async {
        let samples = RefusedSamples()
        let store = Store()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let writer = RefusedSampleWriter(samples, logger: logger) { try store.write($0) }
        store.state.withLock { $0.isAway = true }
        samples.add(.noIdentity, of: Self.source, [1])
        await writer.write()
        samples.add(.noIdentity, of: Self.source, [2])
        store.state.withLock { $0.isAway = false }
        await writer.write()
        await writer.write()
        store.state.withLock { state in
            #expect(state.counts == ["identity_missing": 2] && state.samples == 2)
            #expect(state.flushes == [1, 1, 2])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `The end of the service writes the rest`() async throws {
        let samples = RefusedSamples()
        let store = Store()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let writer = RefusedSampleWriter(samples, logger: logger) { try store.write($0) }
        // What could not be written before goes first, and what came since is not forgotten over it.
        samples.add(.tooLarge, of: Self.source, [1])
        store.state.withLock { $0.isAway = true }
        await writer.write()
        store.state.withLock { $0.isAway = false }
        samples.add(.tooLarge, of: Self.source, [2])
        try await withThrowingTaskGroup { group in
            group.addTask { try await writer.run() }
            group.cancelAll()
            try await group.waitForAll()
        }
        store.state.withLock { #expect($0.counts == ["event_too_large": 2]) }
    }
}
