import EventModel
import Testing

@testable import EventLog

@Suite struct RetentionTests {
    /// Slices of a hundred seconds and a thousand bytes, from 0 on.
    private static func slices(_ count: Int) -> [Retention.Held] {
        (0..<count).map { number in
            let lower = Int64(number) * 100
            return Retention.Held(slice: Slice(table: "chunk", lower: lower, upper: lower + 100), bytes: 1_000)
        }
    }

    private static func settings(hold seconds: Int64, bytes: Int64 = 0) -> EventLogSettings {
        var settings = EventLogSettings()
        settings.retention = .seconds(seconds)
        settings.logBytes = bytes
        settings.pushBackPatience = .seconds(60)
        return settings
    }

    private static func lag(
        _ id: Int64,
        _ policy: LagPolicy,
        oldest seconds: Int64?,
        isEnabled: Bool = true
    ) -> ConsumerLag {
        let partition = PartitionID(source: SourceID(rawValue: id), generation: 0, number: 0)
        return ConsumerLag(
            consumer: Consumer(id: id, lag: policy, isEnabled: isEnabled, partition: partition),
            unread: seconds == nil ? 0 : 1,
            oldest: seconds.map { $0 * 1_000_000 }
        )
    }

    private static func lowers(_ retention: Retention) -> [Int64] { retention.drops.map(\.lower) }

    @Test func `Slices go at their time, the oldest first`() {
        let retention = Retention(Self.slices(10), [], Self.settings(hold: 500), at: 950_000_000)
        #expect(Self.lowers(retention) == [0, 100, 200, 300])
        #expect(retention.bytes == 6_000)
        #expect(!retention.isFull && retention.held == 0)
    }

    @Test func `Whoever holds keeps what it has not read, and whoever expires keeps nothing`() {
        let settings = Self.settings(hold: 500)
        let held = Retention(Self.slices(10), [Self.lag(1, .hold, oldest: 150)], settings, at: 950_000_000)
        #expect(Self.lowers(held) == [0])
        #expect(held.held == 3)
        let off = Self.lag(1, .hold, oldest: 150, isEnabled: false)
        #expect(Self.lowers(Retention(Self.slices(10), [off], settings, at: 950_000_000)) == [0])
        let expiring = Retention(Self.slices(10), [Self.lag(1, .expire, oldest: 150)], settings, at: 950_000_000)
        #expect(Self.lowers(expiring) == [0, 100, 200, 300])
        #expect(expiring.pushedBack.isEmpty)
    }

    @Test func `Beyond the bound slices go before their time, but never the one that is written`() {
        let settings = Self.settings(hold: 100_000, bytes: 2_500)
        let retention = Retention(Self.slices(5), [], settings, at: 450_000_000)
        #expect(Self.lowers(retention) == [0, 100, 200])
        let tight = Retention(Self.slices(5), [], Self.settings(hold: 100_000, bytes: 1), at: 450_000_000)
        #expect(Self.lowers(tight) == [0, 100, 200, 300])
        #expect(tight.isFull && tight.pushedBack.isEmpty)
    }

    @Test func `At the bound the source of a connection that holds is pushed back, and no other`() {
        let settings = Self.settings(hold: 100_000, bytes: 2_500)
        let lags = [
            Self.lag(1, .hold, oldest: 150), Self.lag(2, .expire, oldest: 50), Self.lag(3, .hold, oldest: 440),
            Self.lag(4, .hold, oldest: 10, isEnabled: false), Self.lag(5, .hold, oldest: nil),
        ]
        let retention = Retention(Self.slices(5), lags, settings, at: 450_000_000)
        // Not the third's: it is ten seconds behind, and reads.
        #expect(retention.pushedBack == [SourceID(rawValue: 1)])
        #expect(Self.lowers(retention) == [0])
        #expect(retention.isFull)
    }

    @Test func `The share is the age against the time kept, or the bytes behind against the bound`() {
        let slices = Self.slices(10)
        let share = { (lag: ConsumerLag, settings: EventLogSettings) in
            RetentionStanding.share(lag, slices, settings, at: 950_000_000)
        }
        #expect(share(Self.lag(1, .hold, oldest: 450), Self.settings(hold: 1_000)) == 0.5)
        #expect(share(Self.lag(1, .hold, oldest: nil), Self.settings(hold: 1_000)) == 0)
        #expect(share(Self.lag(1, .hold, oldest: 450), Self.settings(hold: 1_000, bytes: 7_500)) == 0.8)
        // Everybody is a moment behind, however large the slice is that is written.
        #expect(share(Self.lag(1, .hold, oldest: 949), Self.settings(hold: 1_000, bytes: 100)) == 0.001)
    }

    @Test func `A person is told once at each mark, and again only after the lag has shrunk`() {
        var watch = LagWatch()
        let consumer = Consumer(id: 1, lag: .hold)
        func marks(_ share: Double) -> [Double] { watch.passes([(consumer, share)]).map(\.mark) }
        #expect(marks(0.49).isEmpty)
        #expect(marks(0.5) == [0.5])
        #expect(marks(0.6).isEmpty)
        // About the mark it would otherwise be told each minute.
        #expect(marks(0.48).isEmpty)
        #expect(marks(0.51).isEmpty)
        #expect(marks(0.97) == [0.95])
        #expect(marks(2).isEmpty)
        #expect(marks(0.1).isEmpty)
        #expect(marks(0.85) == [0.8])
        #expect(watch.passes([]).isEmpty)
    }
}
