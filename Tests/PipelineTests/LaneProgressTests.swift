import EventModel
import Pipeline
import TestSupport
import Testing

@Suite struct LaneProgressTests {
    private func counted(_ make: (inout Counts) -> Void) -> Counts {
        var counts = Counts()
        counts.read = 1
        make(&counts)
        return counts
    }

    @Test(arguments: 0..<60)
    func `Whatever order events are settled in, every state reconciles and nothing is skipped or settled twice`(
        seed: Int
    ) {
        var random = SplitMix(seed: UInt64(seed))
        let start = Int64(random.next() % 1000)
        var progress = LaneProgress(position: start)
        var settled: Set<Int64> = []
        var open: [Int64] = []
        var next = start
        for _ in 0..<3_000 {
            while open.count < 200 {
                open.append(next)
                next += 1
            }
            let offset = open.remove(at: Int(random.next() % UInt64(open.count)))
            let kind = random.next() % 4
            let more = counted { counts in
                switch kind {
                case 0: counts.filtered = 1
                case 1: counts.duplicates = 1
                default:
                    counts.transformed = 1
                    counts.emitted = 2
                    counts.delivered = 1
                    counts.waiting = 1
                }
            }
            #expect(progress.settle(offset, more) == true)
            #expect(progress.settle(offset, more) == false, "an event counts once")
            settled.insert(offset)
            if random.next() % 50 == 0 {
                check(progress, start: start, settled: settled)
                // A crash: only what was committed is left, and it is the same.
                let again = LaneProgress(
                    position: progress.position,
                    beyond: progress.beyond,
                    counts: progress.counts
                )
                #expect((start..<next).allSatisfy { again.isSettled($0) == progress.isSettled($0) })
                #expect(again.position == progress.position && again.beyond == progress.beyond)
                progress = again
            }
        }
        for offset in open { progress.settle(offset, counted { $0.dropped = 1 }) }
        #expect(progress.position == next && progress.beyond.isEmpty && progress.counts.read == next - start)
    }

    private func check(_ progress: LaneProgress, start: Int64, settled: Set<Int64>) {
        #expect(progress.counts.reconcile)
        #expect(progress.counts.read == Int64(settled.count))
        #expect((start..<progress.position).allSatisfy(settled.contains))
        #expect(!settled.contains(progress.position))
        #expect(settled.allSatisfy(progress.isSettled))
        let bits = progress.beyond.reduce(0) { $0 + $1.nonzeroBitCount }
        #expect(Int(progress.position - start) + bits == settled.count)
        #expect(progress.beyond.last != 0)
    }

    @Test(arguments: 0..<60)
    func `Of events that leave the log only those count as expired that were not settled, and the others stay settled`(
        seed: Int
    ) {
        var random = SplitMix(seed: UInt64(seed))
        var progress = LaneProgress(position: 70)
        var settled: Set<Int64> = []
        var expired: Set<Int64> = []
        for _ in 0..<400 {
            let lower = max(70, progress.position - 20) + Int64(random.next() % 300)
            if random.next() % 8 == 0 {
                // From a place that was reached, which may lie before or behind the position.
                let gone = lower..<lower + Int64(random.next() % 200)
                #expect(progress.expire(min(gone.lowerBound, progress.position)..<gone.upperBound) == true)
                for offset in 70..<gone.upperBound where !settled.contains(offset) { expired.insert(offset) }
            } else if progress.settle(lower, counted { $0.dropped = 1 }) {
                settled.insert(lower)
            }
            progress = LaneProgress(
                position: progress.position,
                beyond: progress.beyond,
                counts: progress.counts,
                expired: progress.expired
            )
            #expect(progress.counts.read == Int64(settled.count) && progress.expired == Int64(expired.count))
            let known = settled.union(expired)
            #expect((70..<progress.position).allSatisfy(known.contains) && !known.contains(progress.position))
            #expect(known.allSatisfy(progress.isSettled))
            #expect(Int(progress.position - 70) + progress.beyond.reduce(0) { $0 + $1.nonzeroBitCount } == known.count)
        }
        #expect(settled.count > 50 && expired.count > 50)
    }

    @Test func `Events that leave the log behind some that are on their way are noted beside them, if not too many`() {
        var progress = LaneProgress(position: 5)
        progress.settle(9, counted { $0.dropped = 1 })
        #expect(progress.expire(8..<12) == true)
        #expect(progress.expired == 3 && progress.position == 5 && progress.isSettled(11) && !progress.isSettled(7))
        #expect(progress.expire(12..<5 + LaneProgress.reach) == false)
        #expect(progress.expired == 3 && !progress.isSettled(12))
    }

    @Test func `An event too far ahead is not taken, since its bit would not be kept`() {
        var progress = LaneProgress(position: 5)
        #expect(progress.settle(5 + LaneProgress.reach, Counts()) == false)
        #expect(progress.settle(5 + LaneProgress.reach - 1, Counts()) == true)
        #expect(progress.settle(4, Counts()) == false)
    }
}
