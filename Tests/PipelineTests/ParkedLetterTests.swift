import Catalog
import Delivery
import EventLog
import EventModel
import Foundation
import PluginHost
import Synchronization
import TestSupport
import Testing
import WorkerProtocol

@testable import Pipeline

/// What a dead letter has of something that was parked before it died.
@Suite(.timeLimit(.minutes(3))) struct ParkedLetterTests {
    @Test func `A dead letter of a part that was parked over a restart has its event and its tries, and is requeued`()
        async throws
    {
        let isBroken = Mutex(true)
        try await RecordingServer.with({ request in
            request.text.contains("made") && isBroken.withLock { $0 }
                ? .answer(500, body: "not this one") : .answer(200)
        }) { server in
            var shape = Line.Shape(remembersChunks: false)
            shape.retries = 6
            try await Line.with(destination: server.url, shape) { line in
                let event = Line.Event(user: "u", text: #"{"user":"u","n":1,"do":"sign"}"#)
                try await line.append([event])
                var next = 100
                // Others are served meanwhile, so that it fails for itself.
                func feed() async throws {
                    try await line.append([Line.Event(user: "o\(next)", text: "{\"user\":\"o\(next)\",\"n\":\(next)}")])
                    next += 1
                }
                try await line.running {
                    try await line.wait(for: "a third try") {
                        try await feed()
                        return try await line.count("parked WHERE attempts >= 3") == 1
                    }
                }
                try await line.running {
                    try await line.wait(for: "its death") {
                        try await feed()
                        return try await line.counts().deadLettered == 1
                    }
                    #expect(try await line.count("parked") == 0)
                    try await line.wait { $0.delivered == next - 100 }
                    try await line.dropEverything()
                    try await line.expectWhole(event.text, after: #"{"made":"1.0.0"}"#, tries: 7)
                    isBroken.withLock { $0 = false }
                    let before = server.requests.count
                    let selection = LetterSelection(connection: line.consumer)
                    let replay = try #require(try await line.requeue(selection))
                    let ended = try await line.ended(replay)
                    #expect(ended.counts?.delivered == 1 && ended.expired == 0)
                    #expect(server.requests.dropFirst(before).map(\.text) == [#"{"made":"1.0.0"}"#])
                }
                try await line.expectSound()
            }
        }
    }

    /// Where a parked part's row was when it died.
    enum Place: CaseIterable { case machine, ledger, database }

    @Test(arguments: Place.allCases, [true, false])
    func `A dead letter has its event and its tries wherever the row of its part was`(
        place: Place,
        isTransformed: Bool
    ) throws {
        let event = Array(#"{"n":1}"#.utf8)
        let part = isTransformed ? Array(#"{"n":2}"#.utf8) : event
        var now = Moment(instant: .now, wall: 0)
        var machine = Self.machine()
        let chain = isTransformed ? [PluginLabel(id: "t", version: "1")] : []
        machine.read([Self.event(event)], chain: chain + [PluginLabel(id: "c", version: "1")], at: now)
        if isTransformed { machine.transformed(0, [.emit([part[...]])], at: now) }
        Self.build(0, &machine, now)
        machine.ended(0, .delivery(.park(after: .seconds(1), counted: 1), [Self.attempt(1)]), at: now)
        let ledger = LaneLedger(LaneSettings())
        if place != .machine { ledger.publish(machine.takeCheckpoint()) }
        var kept: LaneCheckpoint?
        if place == .database {
            let checkpoint = try #require(ledger.take())
            let row = try #require(checkpoint.parked.first)
            #expect(checkpoint.pasts[row.key]?.before == (isTransformed ? event : []))
            #expect(checkpoint.bytes >= part.count + (isTransformed ? event.count : 0))
            machine = Self.machine(parked: [row])
            kept = checkpoint
        }
        now.wall += 2_000_000
        machine.wake(at: now)
        let number = place == .database ? 0 : 1
        Self.build(number, &machine, now)
        machine.ended(number, .delivery(.exhausted, [Self.attempt(2)]), at: now)
        ledger.publish(machine.takeCheckpoint())
        let last = try #require(ledger.take())
        #expect(last.parked.isEmpty && last.pasts.isEmpty && last.released.count == 1)
        var letter = try #require(last.deadLetters.first)
        if let kept {
            #expect(letter.before.isEmpty && letter.attempts.map(\.number) == [2] && letter.tried == 1)
            letter = letter.following(kept.pasts[letter.key])
        }
        #expect(letter.before == event && letter.after == (isTransformed ? part : nil))
        #expect(letter.attempts.map(\.number) == [1, 2])
    }

    @Test func `Tries of a request whose events the connector told apart are told with those of later ones`() throws {
        var now = Moment(instant: .now, wall: 0)
        var machine = Self.machine()
        let json = Array("{}".utf8)
        machine.read([Self.event(json), Self.event(json, at: 1)], chain: [PluginLabel(id: "c", version: "1")], at: now)
        Self.build(0, &machine, now, events: [0, 1])
        let first = Dispatch.Ending.judged([.again, .delivered], after: .seconds(1), tries: 1)
        machine.ended(0, .delivery(first, [Self.attempt(1)]), at: now)
        var jobs: [BuildJob] = []
        for case .build(let job, _) in machine.takeActions() { jobs.append(job) }
        let request = PluginRequest(url: "http://a/", events: [0])
        let plan = RequestPlan(requests: [request], fates: [.requested])
        machine.built(try #require(jobs.first), plan, under: 0, at: now)
        var outgoing: [Outgoing] = []
        for case .submit(let requests) in machine.takeActions() { outgoing += requests }
        now.wall += 1_000_000
        let park = Dispatch.Fate.park(after: .seconds(9), counted: 2, throttles: 3, code: "", message: "")
        let second = Dispatch.Ending.judged([park], after: .seconds(1), tries: 2)
        machine.ended(try #require(outgoing.first).request, .delivery(second, [Self.attempt(2)]), at: now)
        let checkpoint = machine.takeCheckpoint()
        let row = try #require(checkpoint.parked.first)
        #expect(checkpoint.pasts[row.key]?.tries.map(\.number) == [1, 2])
        #expect(row.attempts == 2 && row.ownThrottles == 3)
    }

    @Test func `What was answered 429 is known after a restart, and what is kept is the latest ten tries`() throws {
        var now = Moment(instant: .now, wall: 0)
        var parked: [ParkedItem] = []
        var past = ParkedPast()
        for round in 0..<12 {
            var machine = Self.machine(parked: parked)
            if parked.isEmpty {
                machine.read([Self.event(Array("{}".utf8))], chain: [PluginLabel(id: "c", version: "1")], at: now)
            } else {
                machine.wake(at: now)
            }
            let outgoing = Self.build(0, &machine, now)
            #expect(outgoing.map(\.throttles) == [round])
            let ending = Dispatch.Ending.park(after: .seconds(1), counted: 0, throttles: round + 1)
            machine.ended(0, .delivery(ending, [Self.attempt(round)]), at: now)
            let checkpoint = machine.takeCheckpoint()
            parked = checkpoint.parked
            past = past.followed(by: try #require(checkpoint.pasts[parked[0].key]))
            now.wall += 2_000_000
        }
        #expect(past.before == [] && past.tries.map(\.number) == Array(2..<12))
    }

    private static func machine(parked: [ParkedItem] = []) -> LaneMachine {
        LaneMachine(
            partition: PartitionID(rawValue: 1),
            destination: DestinationID(rawValue: 1),
            progress: LaneProgress(position: parked.isEmpty ? 0 : 1),
            parked: parked
        )
    }

    private static func event(_ json: [UInt8], at offset: Int64 = 0) -> LaneEvent {
        LaneEvent(offset: offset, sliceTime: 0, userHash: UInt64(offset), receivedAt: 0, json: json[...])
    }

    private static func attempt(_ number: Int) -> Attempt {
        Attempt(number: number, at: 0, duration: .zero, result: .status(500))
    }

    /// Lets the connector ask for one request with all events of a portion; what is submitted then.
    @discardableResult
    private static func build(
        _ portion: Int,
        _ machine: inout LaneMachine,
        _ now: Moment,
        events: [Int] = [0]
    ) -> [Outgoing] {
        let request = PluginRequest(url: "http://a/", events: events)
        let plan = RequestPlan(requests: [request], fates: events.map { _ in .requested })
        machine.built(.portion(portion), plan, under: 0, at: now)
        var outgoing: [Outgoing] = []
        for case .submit(let requests) in machine.takeActions() { outgoing += requests }
        return outgoing
    }
}

extension Line {
    /// The one dead letter has the event before and after, though the log does not, and these tries with what was sent.
    fileprivate func expectWhole(_ event: String, after: String, tries: Int) async throws {
        let page = try await log.letters(of: consumer, DeadLetterFilter(), behind: nil, limit: 10)
        let letter = try #require(try await log.letterRecords(page.letters.map(\.id)).first)
        #expect(letter.report.code == "retries_exhausted")
        #expect(letter.event.map { String(decoding: $0, as: UTF8.self) } == event)
        #expect(letter.transformed.map { String(decoding: $0, as: UTF8.self) } == after)
        #expect(try await log.loggedEvents(of: [letter]) == LoggedEvents())
        let history = try JSONDecoder().decode([PathAttempt].self, from: Data((letter.history ?? "[]").utf8))
        #expect(history.count >= tries && history.count <= 10)
        #expect(zip(history, history.dropFirst()).allSatisfy { $0.at < $1.at })
        #expect(history.allSatisfy { $0.code == "http_500" && $0.answer == "not this one" })
        #expect(history.first?.request != nil && history.compactMap(\.request).allSatisfy { $0.body == after })
    }
}
