import Conditions
import EventModel
import TestSupport
import Testing
import WorkerProtocol

@testable import Pipeline

@Suite struct SourceWorkTests {
    private static func events(_ texts: [String]) -> [PluginEvent] {
        texts.enumerated().map { offset, text in
            PluginEvent(
                json: Array(text.utf8)[...],
                partition: PartitionID(rawValue: 1),
                offset: Int64(offset),
                part: 0,
                userHash: 0,
                receivedAt: 0
            )
        }
    }

    private static func text(_ verdict: StageVerdict) -> String {
        switch verdict {
        case .passed: "passed"
        case .judged(.emit(let parts), let step, _):
            "\(step): \(parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))"
        case .judged(.drop(let reason), let step, _): "\(step) drops: \(reason)"
        case .judged(.fail(let code, _, _), let step, let input):
            "\(step) fails: \(code) \(String(decoding: input ?? [], as: UTF8.self))"
        case .judged(.requested, let step, _): "\(step) requests"
        }
    }

    @Test func `Events go through the transformations one after the other, each as far as it comes`() throws {
        var work = SourceWork(Self.events(["{\"n\":0}", "{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]))
        let odd = try Condition(parsing: "n in [1, 3]")
        #expect(work.question(when: odd).map(\.offset) == [1, 3])
        let (left, right) = (Array("{\"n\":1,\"p\":0}".utf8)[...], Array("{\"n\":1,\"p\":1}".utf8)[...])
        work.take([.emit([left, right]), .drop(reason: "odd")], step: 0)
        let second = work.question(when: nil)
        #expect(second.map(\.offset) == [0, 1, 1, 2])
        #expect(second.map(\.part) == [0, 0, 1, 0])
        #expect(second.map { $0.flags == .unverified } == [false, true, true, false])
        work.take(
            [
                .emit([second[0].json]), .drop(reason: "left"), .emit([right]),
                .fail(code: "no", message: "", disposition: .bury),
            ],
            step: 1
        )
        #expect(work.question(when: try Condition(parsing: "n == 9")).isEmpty)
        let expected = ["2: {\"n\":0}", "2: {\"n\":1,\"p\":1}", "1 fails: no {\"n\":2}", "0 drops: odd"]
        #expect(work.verdicts(steps: 3).map(Self.text) == expected)
        // What lost a part and goes on; of what was dropped whole the verdict tells.
        let drops = work.drops()
        #expect(drops.keys.sorted() == [1])
        #expect(drops[1]?.map { "\($0.step).\($0.part) \($0.reason)" } == ["1.0 left"])
        #expect(drops[1]?.first?.json == left)
    }

    @Test func `Every step of a followed event is kept, of one that fails what it failed with, and of others nothing`()
        throws
    {
        let texts = (0..<4).map { "{\"n\":\($0)}" }
        for followed: Set<Int64> in [[1, 3], []] {
            var work = SourceWork(Self.events(texts), following: followed)
            let few = try Condition(parsing: "n in [1, 2, 3]")
            let first = work.question(when: few)
            let parts = ["{\"n\":1,\"p\":0}", "{\"n\":1,\"p\":1}"].map { Array($0.utf8)[...] }
            work.take([.emit(parts[...]), .emit([first[1].json]), .emit([first[2].json])], step: 0)
            let second = work.question(when: nil)
            let left = second.map { PluginVerdict.emit([$0.json, $0.json]) }
            // Of the first event one part, of the second four, and the last is dropped.
            work.take([.emit([second[0].json])] + left[1...3] + [.drop(reason: "no")], step: 1)
            let third = work.question(when: try Condition(parsing: "n == 2"))
            work.take(third.map { _ in .fail(code: "no", message: "", disposition: .bury) }, step: 2)
            let passages = work.passages()
            #expect(Set(passages.keys) == followed.union([2]))
            let failed = try #require(passages[2])
            #expect(failed.outputs.count == 2 && failed.outputs[0] == nil && failed.outputs[1]?.count == 2)
            #expect(failed.outputs[1]?.from == nil && failed.asked.isEmpty)
            guard let split = passages[1], let dropped = passages[3] else { continue }
            #expect(split.outputs.map { $0?.count } == [2, 4, 4] && split.asked == [1, 2, 0])
            #expect(split.outputs.map { $0?.from } == [[0, 0], [0, 0, 1, 1], [0, 1, 2, 3]])
            #expect(split.outputs[0]?.parts.map(\.text) == ["{\"n\":1,\"p\":0}", "{\"n\":1,\"p\":1}"])
            #expect(dropped.outputs.map { $0?.count } == [1] && dropped.asked == [1, 1])
        }
    }

    @Test func `Who comes later learns what stood between and how long it took, and it goes with what was kept`() {
        var memory = SourceMemory(limit: 1_000_000)
        memory.lanes = 2
        var passage = SourcePassage()
        passage.outputs = [StageOutput(parts: [PathPayload(Array("{}".utf8))], count: 1, from: [0])]
        let course = SourceCourse(offsets: [4, 5], marks: [10, 30, 35])
        memory.end([4, 5], [.passed, .passed], course, [5: passage])
        #expect(memory.courses(between: 5, 9).count == 1 && memory.courses(between: 6, 9).isEmpty)
        guard case .verdict(.passed, nil, _) = memory.take(4), case .verdict(.passed, let kept?, _) = memory.take(5)
        else {
            Issue.record("what was kept is not known")
            return
        }
        #expect(kept.outputs.count == 1 && memory.bytes == 0)
        #expect(course.time(of: 1, 5) == StageTime(startedAt: 30, endedAt: 35, events: 2))
        #expect(course.time(of: 1, 6) == nil && course.time(of: 2, 5) == nil)
    }

    @Test func `What no transformation is asked of passes as it is`() throws {
        var work = SourceWork(Self.events(["{\"n\":0}"]))
        #expect(work.question(when: try Condition(parsing: "n > 0")).isEmpty)
        #expect(work.verdicts(steps: 1).map(Self.text) == ["passed"])
    }

    @Test func `An event of which every part is dropped is dropped, and one that became too many fails`() {
        var work = SourceWork(Self.events(["{}", "{}"]))
        _ = work.question(when: nil)
        let part = Array("{}".utf8)[...]
        work.take([.emit([part, part]), .emit(Array(repeating: part, count: 1_001)[...])], step: 0)
        #expect(work.question(when: nil).count == 2)
        work.take([.drop(reason: "a"), .drop(reason: "b")], step: 1)
        #expect(work.verdicts(steps: 2).map(Self.text) == ["1 drops: b", "0 fails: fan_out "])
    }

    @Test(arguments: 0..<40)
    func `What a lane learns is what was found, and memory stays within its bound`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let limit = 4_000
        var memory = SourceMemory(limit: limit)
        memory.lanes = 3
        var known: [Int64: String] = [:]
        var runs: [(SourceRun, [Int64])] = []
        for _ in 0..<2_000 {
            let offset = Int64(random.next() % 200)
            if random.next() % 3 == 0, let place = runs.indices.randomElement(using: &random) {
                let (_, offsets) = runs.remove(at: place)
                let verdicts = offsets.map { offset -> StageVerdict in
                    let word = "\(offset) \(random.next() % 1_000)"
                    known[offset] = word
                    return .judged(.drop(reason: word), step: 0)
                }
                memory.end(offsets, random.next() % 5 == 0 ? [] : verdicts)
                #expect(memory.bytes <= limit)
            } else {
                switch memory.take(offset) {
                case .verdict(let verdict, _, _): #expect(Self.text(verdict) == "0 drops: \(known[offset] ?? "")")
                case .underWay: #expect(runs.contains { $0.1.contains(offset) })
                case .nothing:
                    let run = SourceRun()
                    // Nobody begins with what is known or under way.
                    let more = (offset + 1..<offset + 4).filter { offset in
                        if case .nothing = memory.take(offset) { true } else { false }
                    }
                    let offsets = [offset] + more
                    memory.begin(run, offsets)
                    runs.append((run, offsets))
                }
            }
        }
        for (_, offsets) in runs { memory.end(offsets, []) }
        #expect(memory.bytes <= limit)
    }

    @Test func `What every lane has taken is forgotten, and nothing is kept for a lane that is alone`() {
        var memory = SourceMemory(limit: 1_000_000)
        memory.lanes = 3
        memory.end(Array(0..<10), Array(repeating: .passed, count: 10))
        for _ in 0..<2 {
            for offset in 0..<10 as Range<Int64> {
                guard case .verdict(.passed, nil, _) = memory.take(offset) else {
                    Issue.record("\(offset) is not known")
                    return
                }
            }
        }
        #expect(memory.bytes == 0)
        memory.lanes = 1
        memory.end([11], [.passed])
        #expect(memory.bytes == 0)
        guard case .nothing = memory.take(11) else {
            Issue.record("something is kept")
            return
        }
    }

    @Test func `A second try is not what others are told`() {
        var memory = SourceMemory(limit: 1_000_000)
        memory.lanes = 2
        let again = PluginVerdict.fail(code: "later", message: "", disposition: .retry(after: .seconds(1)))
        memory.end([1], [.judged(again, step: 0)])
        guard case .nothing = memory.take(1) else {
            Issue.record("another lane would wait for the wrong reason")
            return
        }
    }
}

extension SourceMemory {
    fileprivate mutating func end(
        _ offsets: [Int64],
        _ verdicts: [StageVerdict],
        _ course: SourceCourse? = nil,
        _ passages: [Int64: SourcePassage] = [:]
    ) {
        var answer = SourceAnswer(verdicts: verdicts)
        answer.courses = course.map { [$0] } ?? []
        answer.passages = passages
        end(offsets, answer)
    }
}
