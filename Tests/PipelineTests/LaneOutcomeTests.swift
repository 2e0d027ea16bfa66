import Conditions
import Delivery
import EventLog
import EventModel
import PluginHost
import Testing
import WorkerProtocol

@testable import Pipeline

@Suite struct LaneOutcomeTests {
    private static let chain = [PluginLabel(id: "t", version: "1"), PluginLabel(id: "c", version: "1")]
    private static let now = Moment(instant: .now, wall: 0)

    /// A lane in which one event is delivered, one parked with one behind it, one refused, one dropped by a
    /// transformation, one failed by it, and one dropped in part by the connector.
    private static func lane(isWatched: Bool) -> LaneMachine {
        var machine = LaneMachine(partition: PartitionID(rawValue: 1), destination: DestinationID(rawValue: 1))
        machine.outcomes = isWatched ? [] : nil
        machine.connector = chain[1]
        let users: [UInt64] = [1, 2, 2, 3, 4, 5, 6]
        let events = users.enumerated().map { offset, user in
            let json = Array("{\"n\":\(offset)}".utf8)[...]
            return LaneEvent(offset: Int64(offset), sliceTime: 0, userHash: user, receivedAt: 0, json: json)
        }
        machine.read(events, chain: chain, at: now)
        func emit(_ count: Int) -> PluginVerdict { .emit((0..<count).map { Array("{\"p\":\($0)}".utf8)[...] }[...]) }
        let verdicts: [PluginVerdict] = [
            emit(1), emit(1), emit(1), emit(1), .drop(reason: ""), .fail(code: "bad", message: "", disposition: .bury),
            emit(2),
        ]
        machine.transformed(0, verdicts, at: now)
        let requests = (0..<5).map { PluginRequest(url: "http://a/", events: [$0]) }
        let fates = Array(repeating: PluginVerdict.requested, count: 5) + [.drop(reason: "")]
        machine.built(.portion(0), RequestPlan(requests: requests, fates: fates), under: 0, at: now)
        func tries(_ status: Int) -> [Attempt] {
            [Attempt(number: 2, at: 0, duration: .milliseconds(5), result: .status(status))]
        }
        machine.ended(0, .delivery(.delivered, tries(200)), at: now)
        machine.ended(1, .delivery(.park(after: .seconds(5), counted: 1), tries(503)), at: now)
        machine.ended(3, .delivery(.refused, tries(400)), at: now)
        machine.ended(4, .delivery(.delivered, tries(202)), at: now)
        return machine
    }

    @Test func `Every end of an event and of its parts is told once to those who watch`() throws {
        var machine = Self.lane(isWatched: true)
        let taken = machine.takeOutcomes()
        let outcomes = try #require(taken)
        let told = outcomes.map { "\($0.offset).\($0.part ?? -1) \($0.fate.outcome.rawValue) \($0.fate.code ?? "")" }
        #expect(
            told.sorted() == [
                "0.0 delivered ", "1.0 parked http_503", "2.-1 parked ", "3.0 dead-lettered http_400", "4.-1 dropped ",
                "5.-1 dead-lettered bad", "6.0 delivered ", "6.1 dropped ",
            ]
        )
        let delivered = try #require(outcomes.first { $0.offset == 0 })
        #expect(delivered.fate == TailFate(.delivered, attempts: 2, status: 200, duration: .milliseconds(5)))
        #expect(delivered.json.elementsEqual("{\"p\":0}".utf8))
        #expect(outcomes.first { $0.offset == 4 }?.json.elementsEqual("{\"n\":4}".utf8) == true)
        let more = machine.takeOutcomes()
        #expect(more == nil)
    }

    @Test func `What is filtered or dropped is told with its reason, and whether it came to the connector`() throws {
        var machine = LaneMachine(partition: PartitionID(rawValue: 1), destination: DestinationID(rawValue: 1))
        machine.outcomes = []
        machine.connector = PluginLabel(id: "c", version: "1")
        let selection = Selection(filter: try Condition(parsing: "n < 3"))
        let events = (0..<4).map { offset in
            let json = Array("{\"n\":\(offset)}".utf8)[...]
            return LaneEvent(
                offset: Int64(offset),
                sliceTime: 0,
                userHash: UInt64(offset),
                receivedAt: 0,
                json: json,
                choice: offset == 3 ? .filtered(.filter) : .wanted
            )
        }
        let chain = ["s", "t", "c"].map { PluginLabel(id: $0, version: "1") }
        let chooser = Chooser(selection, of: ConsumerID(rawValue: 1))
        machine.read(events, chain: chain, chosenBy: chooser, at: Self.now)
        func emit(_ count: Int) -> PluginVerdict { .emit((0..<count).map { Array("{\"p\":\($0)}".utf8)[...] }[...]) }
        machine.transformed(0, [emit(3), emit(1), emit(1)], at: Self.now)
        machine.transformed(
            0,
            [emit(1), .drop(reason: "odd"), emit(1), .drop(reason: "bot"), emit(1)],
            at: Self.now
        )
        let plan = RequestPlan(
            requests: [PluginRequest(url: "http://a/", events: [0])],
            fates: [.requested, .drop(reason: "no address"), .drop(reason: "")]
        )
        machine.built(.portion(0), plan, under: 0, at: Self.now)
        machine.ended(0, .delivery(.delivered, []), at: Self.now)
        let taken = machine.takeOutcomes()
        let told = try #require(taken).map { outcome in
            let fate = outcome.fate
            return "\(outcome.offset).\(outcome.part ?? -1) \(outcome.isEarly ? "early " : "")\(fate.outcome.rawValue) "
                + "\(fate.code ?? "") \(fate.reason ?? "")"
        }
        #expect(
            told.sorted() == [
                "0.0 delivered  ", "0.1 dropped  c: no address", "0.1 early dropped  t: odd",
                "1.-1 early dropped  t: bot", "2.0 dropped  c: no reason given",
                "3.-1 early filtered filter the filter does not hold: n < 3",
            ]
        )
        let checkpoint = machine.takeCheckpoint()
        let reasons: [String: Int64] = [
            "filter": 1, "t: bot": 1, "c: no reason given": 1, "part dropped by t: odd": 1,
            "part dropped by c: no address": 1,
        ]
        #expect(checkpoint.reasons.events == reasons && checkpoint.droppedParts == 2)
        #expect(checkpoint.counts.reconcile && checkpoint.counts.emitted == 1 && checkpoint.counts.dropped == 2)
    }

    @Test func `A part that the connector drops after it was parked is counted, and is no part any more`() throws {
        var machine = Self.lane(isWatched: false)
        let before = machine.takeCheckpoint()
        #expect(before.counts.waiting == 1 && before.counts.emitted == 4 && before.droppedParts == 1)
        _ = machine.takeActions()
        machine.wake(at: Moment(instant: .now, wall: 60_000_000))
        let actions = machine.takeActions()
        guard case .build(let job, let events)? = actions.first(where: { if case .build = $0 { true } else { false } })
        else {
            Issue.record("nothing was taken up: \(actions)")
            return
        }
        #expect(events.map(\.offset) == [1])
        machine.built(job, RequestPlan(fates: [.drop(reason: "late")]), under: 0, at: Self.now)
        let after = machine.takeCheckpoint()
        #expect(after.counts.waiting == 0 && after.counts.emitted == 3 && after.counts.reconcile)
        #expect(after.reasons.events["part dropped by c: late"] == 1 && after.droppedParts == 1)
        #expect(after.counts.transformed == before.counts.transformed && after.counts.dropped == before.counts.dropped)
        // What is emitted never becomes less but for what was dropped, and so an audit finds nothing.
        #expect(
            after.counts.emitted + after.reasons.droppedParts == before.counts.emitted + before.reasons.droppedParts
        )
    }

    @Test func `What a lane publishes twice before it is committed keeps the reasons of both`() throws {
        let ledger = LaneLedger(LaneSettings())
        var machine = LaneMachine(partition: PartitionID(rawValue: 1), destination: DestinationID(rawValue: 1))
        for offset in 0..<2 as Range<Int64> {
            let event = LaneEvent(
                offset: offset,
                sliceTime: 0,
                userHash: 1,
                receivedAt: 0,
                json: [],
                choice: .filtered(offset == 0 ? .filter : .consent)
            )
            machine.read([event], chain: Self.chain, at: Self.now)
            ledger.publish(machine.takeCheckpoint())
        }
        let checkpoint = try #require(ledger.take())
        #expect(checkpoint.counts.filtered == 2 && checkpoint.reasons.events == ["filter": 1, "consent": 1])
    }

    @Test func `Nothing is kept for anybody while nobody watches, and nothing else is different`() {
        var (watched, unwatched) = (Self.lane(isWatched: true), Self.lane(isWatched: false))
        let noted = unwatched.takeOutcomes()
        #expect(noted == nil && unwatched.outcomes == nil && unwatched.lastAttempts.isEmpty)
        let (left, right) = (watched.takeCheckpoint(), unwatched.takeCheckpoint())
        #expect(left.counts == right.counts && left.position == right.position)
        // In no order of their own.
        #expect(left.parked.sorted { $0.offset < $1.offset } == right.parked.sorted { $0.offset < $1.offset })
    }
}
