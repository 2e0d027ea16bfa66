import EventModel
import Testing

@testable import EventLog

@Suite struct TailSignalTests {
    private static let partition = PartitionID(source: SourceID(rawValue: 1), generation: 0, number: 0)

    @Test func `Whoever appended last knows the end, unless another node's signal came meanwhile`() {
        let signals = TailSignals()
        signals.setListening(true)
        signals.moved(Self.partition, to: 600, since: signals.version(of: Self.partition))
        #expect(signals.isSettled(Self.partition, at: 600))
        let before = signals.version(of: Self.partition)
        // Another node appends behind 700 and says so before this node has heard that its own append ended there.
        signals.wake([Self.partition])
        signals.moved(Self.partition, to: 700, since: before)
        #expect(!signals.isSettled(Self.partition, at: 700) && !signals.isSettled(Self.partition, at: 600))
        #expect(signals.knownEnd(of: Self.partition) == 700)
    }
}
