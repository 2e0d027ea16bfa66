import EventModel
import Telemetry
import TestSupport
import Testing

@testable import PluginHost

/// Runs a search against a plugin that ends on these events, with or without a hint which one it was.
private func search(_ count: Int, culprits: Set<Int>, hint: (Isolation.Trial, Int) -> Int?) -> (Isolation, Set<Int>) {
    var isolation = Isolation(count: count, killBudget: 24, culpritShare: 0.2)
    var answered: Set<Int> = []
    var ran: [Int] = []
    var trials = 0
    while let trial = isolation.next, !isolation.isHopeless {
        trials += 1
        guard trials < 10_000 else { break }
        if let first = trial.firstIndex(where: culprits.contains) {
            isolation.take(.ended(.signalSegv, suspect: hint(trial, first)))
        } else {
            answered.formUnion(trial)
            ran += trial
            isolation.take(.answered)
        }
    }
    #expect(ran == ran.sorted(), "answers come in the order of the batch")
    return (isolation, answered)
}

@Suite struct IsolationTests {
    @Test func `With a hint one culprit costs two workers`() {
        let (isolation, answered) = search(500, culprits: [321]) { $1 < $0.count ? $1 : nil }
        #expect(isolation.culprits.map { $0.event } == [321])
        #expect(isolation.kills == 2)
        #expect(answered.count == 499)
    }

    @Test func `Without a hint it costs no more than halving does`() {
        let (isolation, answered) = search(500, culprits: [321]) { _, _ in nil }
        #expect(isolation.culprits.map { $0.event } == [321])
        #expect(isolation.kills <= 10)
        #expect(answered.count == 499)
    }

    @Test func `A lying hint finds nobody else and ends`() {
        var dice = SplitMix(seed: 7)
        for round in 0..<200 {
            let count = Int(dice.next() % 60) + 2
            let culprits = Set((0..<Int(dice.next() % 4)).map { _ in Int(dice.next() % UInt64(count)) })
            let (isolation, answered) = search(count, culprits: culprits) { trial, _ in
                Int(dice.next() % UInt64(trial.count + 2))
            }
            #expect(Set(isolation.culprits.map { $0.event }) == culprits, "round \(round)")
            #expect(answered == Set(0..<count).subtracting(culprits), "round \(round)")
        }
    }

    @Test func `When most events are culprits the search gives up`() {
        let (isolation, _) = search(200, culprits: Set(0..<200)) { $1 < $0.count ? $1 : nil }
        #expect(isolation.isHopeless)
        #expect(isolation.kills < 120)
    }

    @Test func `Events that are to run again come back as one trial`() {
        var isolation = Isolation(count: 4, killBudget: 24, culpritShare: 0.2)
        isolation.take(.answered)
        isolation.runAgain([1, 3])
        #expect(isolation.next == [1, 3])
        isolation.take(.answered)
        #expect(isolation.next == nil)
    }
}

@Suite struct WatchTests {
    private let second: Int64 = 1_000_000_000

    @Test func `Silence as long as the limit ends a worker, progress does not`() {
        var watch = Watch(.wallTimeout, now: 0, limit: 2 * second, ceiling: 60 * second, cpuLimit: .max)
        #expect(watch.look(now: 1 * second, progress: 1, cpu: nil) == nil)
        #expect(watch.look(now: 3 * second - 1, progress: 1, cpu: nil) == nil)
        #expect(watch.look(now: 3 * second - 1, progress: 2, cpu: nil) == nil)
        #expect(watch.look(now: 5 * second - 2, progress: 2, cpu: nil) == nil)
        #expect(watch.look(now: 5 * second, progress: 2, cpu: nil) == .wallTimeout)
    }

    @Test func `However steadily it goes on, a batch has an end`() {
        var watch = Watch(.wallTimeout, now: 0, limit: 2 * second, ceiling: 60 * second, cpuLimit: .max)
        for moment in 1..<60 {
            #expect(watch.look(now: Int64(moment) * second, progress: UInt64(moment), cpu: nil) == nil)
        }
        #expect(watch.look(now: 60 * second, progress: 60, cpu: nil) == .wallTimeout)
    }

    @Test func `CPU time counts from the last progress`() {
        var watch = Watch(.wallTimeout, now: 0, limit: 10 * second, ceiling: 60 * second, cpuLimit: 4 * second)
        #expect(watch.look(now: 1, progress: 0, cpu: 100 * second) == nil)
        #expect(watch.look(now: 2, progress: 0, cpu: 103 * second) == nil)
        #expect(watch.look(now: 3, progress: 1, cpu: 105 * second) == nil)
        #expect(watch.look(now: 4, progress: 1, cpu: 108 * second) == nil)
        #expect(watch.look(now: 5, progress: 1, cpu: 110 * second) == .cpuLimit)
    }
}

@Suite struct PaceTests {
    @Test func `Batches grow for a quick plugin and shrink at once for a slow one`() {
        var sizer = BatchSizer(most: 500, goal: .milliseconds(100))
        #expect(sizer.size == BatchSizer.first)
        sizer.measured(events: 32, nanoseconds: 32_000)
        #expect(sizer.size == 500)
        sizer.measured(events: 500, nanoseconds: 5_000_000_000)
        #expect(sizer.size == 10)
        for _ in 0..<200 { sizer.measured(events: 10, nanoseconds: 10_000) }
        #expect(sizer.size == 500)
        sizer.measured(events: 1, nanoseconds: 2_000_000_000)
        #expect(sizer.size == 1)
    }

    @Test func `A plugin that goes on failing is left alone longer and longer, up to a bound`() {
        var backoff = Backoff()
        var last = Duration.zero
        for _ in 0..<12 {
            let delay = backoff.failed(now: 0, dice: 0.999_999)
            #expect(delay >= last && delay <= Backoff.longest)
            last = delay
        }
        #expect(last > .seconds(29))
        #expect(backoff.remaining(now: 0) == last)
        #expect(backoff.remaining(now: last.nanoseconds) == nil)
        for _ in 0..<Backoff.healthyBatches { backoff.succeeded() }
        #expect(backoff == Backoff())
    }
}

@Suite struct TimingTests {
    @Test func `Distributions of two nodes add up to one of both`() {
        var dice = SplitMix(seed: 3)
        var one = TimingDistribution()
        var other = TimingDistribution()
        var both = TimingDistribution()
        for number in 0..<5_000 {
            let value = Int64(dice.next() % 3_000_000)
            let failure: FailureCause? = number % 100 == 0 ? .signalSegv : nil
            if number % 3 == 0 { one.record(value, failure: failure) } else { other.record(value, failure: failure) }
            both.record(value, failure: failure)
        }
        let stored = TimingDistribution(
            count: other.count,
            sum: other.sum,
            max: other.max,
            buckets: other.buckets.map { ($0.value, $0.count) },
            failures: other.failures
        )
        one.add(stored)
        #expect(one.count == both.count && one.sum == both.sum && one.max == both.max)
        #expect(one.failures == ["signal_segv": 50])
        for share in [50.0, 90, 99, 100] { #expect(one.percentile(share) == both.percentile(share)) }
        #expect(abs(one.percentile(50) - 1_500_000) < 60_000)
    }

    @Test func `Buckets for Prometheus count every value at or below their bound`() {
        var values = TimingDistribution()
        for microseconds in [50, 100, 101, 900, 2_000_000] { values.record(Int64(microseconds)) }
        let bounds = TimingMeasure.execution.bounds
        let cumulative = values.cumulative(bounds, scale: 1_000_000)
        #expect(cumulative.first == 2)
        #expect(cumulative[bounds.firstIndex(of: 0.001) ?? 0] == 4)
        #expect(cumulative.last == 5)
    }

    @Test func `What was taken to be stored is not taken again, and stays in the totals`() {
        let recorder = TimingRecorder()
        let series = recorder.series(
            PluginIdentity(id: "a.b.c", version: "1.0.0", digest: .zero, kinds: [.transform], entry: "e")
        )
        series.created(nanoseconds: 3_000_000, failure: nil)
        series.executed(nanoseconds: 150_000, inputBytes: 1_000, events: 2, outputBytes: 900, failure: nil)
        let rows = recorder.drain()
        #expect(rows.count == 5)
        #expect(recorder.drain().isEmpty)
        series.executed(nanoseconds: 150_000, inputBytes: 1_000, events: 2, outputBytes: nil, failure: .wallTimeout)
        let execution = TimingRow.merged(recorder.recent(pluginID: "a.b.c")).first { $0.measure == .execution }
        #expect(execution?.values.count == 1)
        #expect(execution?.values.failures == ["wall_timeout": 1])
        #expect(recorder.families().contains { $0.name == "leat_plugin_failures_total" })
    }
}

extension PluginDigest {
    static var zero: PluginDigest {
        guard let digest = PluginDigest(rawValue: String(repeating: "0", count: 64)) else { fatalError("64 digits") }
        return digest
    }
}
