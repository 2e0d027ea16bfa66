import Catalog
import EventLog
import EventModel
import PluginHost
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

/// Dead letters that are taken up again, on a whole line.
@Suite(.timeLimit(.minutes(2))) struct RequeueTests {
    /// Whether the destination refuses every tenth event.
    private final class Fault: Sendable {
        let isThere = Mutex(true)

        func mend() { isThere.withLock { $0 = false } }

        func reaction(to request: RecordingServer.Request) -> RecordingServer.Reaction {
            let isRefused = request.event.map { $0.n % 10 == 3 } ?? false
            return isRefused && isThere.withLock { $0 } ? .answer(400) : .answer(200)
        }
    }

    @Test func `Dead letters are taken up once, edited where a person edited them, and nothing else is sent`()
        async throws
    {
        let fault = Fault()
        try await RecordingServer.with({ fault.reaction(to: $0) }) { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.running {
                    try await line.append(Line.events(60, users: 6), size: 9)
                    try await line.wait { $0.delivered == 54 && $0.deadLettered == 6 }
                    try await line.execute(
                        """
                        UPDATE leat.dead_letter SET edited_payload = '{"user":"u1","n":1013,"edited":true}'
                        WHERE convert_from(payload_before, 'UTF8') LIKE '%"n":13%'
                        """
                    )
                    fault.mend()
                    let before = server.requests.count
                    let selection = LetterSelection(connection: line.consumer, stage: "deliver", code: "http_400")
                    let count = try await line.catalog.count(selection)
                    #expect(count.letters == 6 && count.events == 6)
                    #expect(try await line.requeue(LetterSelection(connection: line.consumer, stage: "read")) == nil)
                    let replay = try #require(try await line.requeue(selection))
                    #expect(replay.kind == .letters && replay.events == 6)
                    let ended = try await line.ended(replay)
                    #expect(ended.state == .done && ended.counts?.delivered == 6 && ended.expired == 0)
                    #expect(ended.counts.map { $0.read - $0.filtered } == 6)
                    let sent = server.requests.dropFirst(before)
                    #expect(sent.allSatisfy { $0.header("Leat-Replay") == replay.id.description })
                    #expect(Set(sent.compactMap { $0.event?.n }) == [3, 1013, 23, 33, 43, 53])
                    #expect(try await line.catalog.count(selection).letters == 0)
                    #expect(try await line.requeue(selection) == nil)
                    var again = selection
                    again.again = true
                    let second = try #require(try await line.requeue(again))
                    #expect(try await line.ended(second).counts?.delivered == 6)
                    // What the connection counted is as it was.
                    #expect(try await line.counts().deadLettered == 6)
                }
                try await line.expectSound()
            }
        }
    }

    @Test func `A letter that dies again is a new one of the same connection, and is taken up by the next requeue`()
        async throws
    {
        let fault = Fault()
        try await RecordingServer.with({ fault.reaction(to: $0) }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(30, users: 3), size: 10)
                    try await line.wait { $0.delivered == 27 && $0.deadLettered == 3 }
                    let selection = LetterSelection(connection: line.consumer)
                    let first = try #require(try await line.requeue(selection))
                    #expect(try await line.ended(first).counts?.deadLettered == 3)
                    #expect(try await line.count("dead_letter") == 6)
                    #expect(try await line.catalog.count(selection).letters == 3)
                    try await line.expectVisible(3, of: first)
                    fault.mend()
                    let second = try #require(try await line.requeue(selection))
                    #expect(try await line.ended(second).counts?.delivered == 3)
                    #expect(try await line.catalog.count(selection).letters == 0)
                }
                try await line.expectSound()
            }
        }
    }

    @Test func `A requeue takes what is wished for: by user, by replay, by name, and nothing else`() async throws {
        let fault = Fault()
        try await RecordingServer.with({ fault.reaction(to: $0) }) { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.running {
                    try await line.append(Line.events(60, users: 6), size: 10)
                    try await line.wait { $0.delivered == 54 && $0.deadLettered == 6 }
                    // The users of the events 3, 13, 23, 33, 43 and 53 are u3, u1, u5 and the same again.
                    var selection = LetterSelection(connection: line.consumer)
                    selection.userHash = EventHash.key("u1")
                    #expect(try await line.catalog.count(selection).letters == 2)
                    let replay = try #require(try await line.requeue(selection))
                    #expect(try await line.ended(replay).counts?.deadLettered == 2)
                    selection.userHash = nil
                    selection.replay = replay.id
                    #expect(try await line.catalog.count(selection).letters == 2)
                    selection.code = "http_401"
                    #expect(try await line.catalog.count(selection).letters == 0)
                    var filter = DeadLetterFilter()
                    filter.consumers = [replay.id]
                    let ids = try await line.log.letters(filter, behind: nil, limit: 10).letters.map(\.id)
                    var named = LetterSelection(connection: line.consumer)
                    named.letters = Array(ids.prefix(1))
                    named.since = ids.first?.at
                    named.before = ids.first?.at
                    fault.mend()
                    let before = server.requests.count
                    let last = try #require(try await line.requeue(named))
                    #expect(try await line.ended(last).counts?.delivered == 1)
                    #expect(server.requests.dropFirst(before).compactMap { $0.event?.user } == ["u1"])
                    #expect(try await line.catalog.count(LetterSelection(connection: line.consumer)).letters == 5)
                }
                try await line.expectSound()
            }
        }
    }

    @Test func `What died of a replay that has ended is told with the event, and misses are found by the audit`()
        async throws
    {
        try await RecordingServer.with({ _ in .answer(400) }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    let text = #"{"user":"u","n":1}"#
                    try await line.append([Line.Event(user: "u", text: text, message: "m1")])
                    try await line.wait { $0.deadLettered == 1 }
                    let replay = try await line.ended(try await line.replay())
                    #expect(replay.counts?.deadLettered == 1)
                    try await line.execute("DELETE FROM leat.trace")
                    let path = try await pipeline.paths.path(PathQuestion(messageId: "m1", user: "u"))
                    let consumers = try #require(path.copies.first?.consumers)
                    #expect(consumers.map(\.connection) == ["shop/hook", "replay \(replay.id) to shop/hook"])
                    #expect(consumers.last?.outcome == "dead_lettered" && consumers.last?.deadLetters.count == 1)
                    try await line.expectSound()
                    try await line.execute("DELETE FROM leat.dead_letter WHERE consumer_id = \(replay.id.rawValue)")
                    let faults = try await line.log.audit(nil, isDeep: false, within: .seconds(30)).faults
                    #expect(faults.map(\.place) == ["replay \(replay.id)"], "\(faults)")
                }
            }
        }
    }

    @Test func `Of an event that was split, only the parts that died are sent again`() async throws {
        let isBroken = Mutex(true)
        try await RecordingServer.with({ request in
            request.text.contains("\"part\":2") && isBroken.withLock { $0 } ? .answer(400) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    let orders = [2: "split", 7: "split"]
                    try await line.append(Line.events(10, users: 3, orders: orders), size: 4)
                    try await line.wait { $0.delivered == 10 && $0.deadLettered == 2 }
                    isBroken.withLock { $0 = false }
                    let before = server.requests.count
                    let replay = try #require(try await line.requeue(LetterSelection(connection: line.consumer)))
                    let ended = try await line.ended(replay)
                    #expect(ended.counts?.emitted == 2 && ended.counts?.delivered == 2)
                    let sent = server.requests.dropFirst(before).map(\.text)
                    #expect(sent.count == 2 && sent.allSatisfy { $0.contains("\"part\":2") })
                }
                try await line.expectSound()
            }
        }
    }

    @Test func `Letters that lie far apart, and whose events have left the log, are taken up all the same`()
        async throws
    {
        let fault = Fault()
        try await RecordingServer.with({ fault.reaction(to: $0) }) { server in
            try await Line.with(destination: server.url, .init(remembersChunks: false)) { line in
                try await line.running {
                    try await line.append(Line.events(40, users: 4), size: 10)
                    try await line.wait { $0.delivered == 36 && $0.deadLettered == 4 }
                    fault.mend()
                    // As if hundreds of thousands of other events lay between them.
                    try await line.execute(
                        """
                        UPDATE leat.dead_letter SET event_offset = event_offset * 10000;
                        UPDATE leat.chunk SET first_offset = first_offset * 10000 + 400000
                        """
                    )
                    let replay = try #require(try await line.requeue(LetterSelection(connection: line.consumer)))
                    let ended = try await line.ended(replay)
                    #expect(ended.counts?.delivered == 4 && ended.counts?.reconcile == true)
                    #expect(ended.counts?.read == 300_001 && ended.counts?.filtered == 299_997)
                }
            }
        }
    }

    @Test func `A gap is passed when it can be noted, and waits for what is on its way where it cannot`() {
        var machine = LaneMachine(partition: PartitionID(rawValue: 256), destination: DestinationID(rawValue: 1))
        let far = LaneProgress.reach * 3
        #expect(machine.pass([5, 9, far]) == 2)
        #expect(machine.nextOffset == 5 && machine.progress.counts.filtered == 8)
        machine.read([Self.event(5), Self.event(9)], chain: [], at: .now)
        #expect(machine.pass([far]) == 0, "what is on its way could not be noted beside so wide a gap")
        _ = machine.takeActions()
        machine.built(.portion(0), RequestPlan(), under: 0, at: .now)
        #expect(machine.isIdle && machine.pass([far]) == 1)
        #expect(machine.nextOffset == far && machine.progress.counts.reconcile)
        #expect(machine.pass([], upTo: far * 2) == 0 && machine.nextOffset == far * 2)
    }

    private static func event(_ offset: Int64) -> LaneEvent {
        LaneEvent(offset: offset, sliceTime: 0, userHash: 1, receivedAt: 0, json: Array("{}".utf8)[...])
    }
}

extension Line {
    func requeue(_ selection: LetterSelection) async throws -> Replay? {
        try await catalog.requeue([selection], rate: 100_000, by: "test").first
    }

    /// What died of a replay is listed, counted and seen by SQL, with its connection and the replay.
    func expectVisible(_ letters: Int, of replay: Replay) async throws {
        let known = try #require(try await log.letterConsumers().first { $0.id == replay.id })
        #expect(known.connection == consumer && known.name == "shop/hook" && known.replay == replay.id)
        let listed = try await log.letters(DeadLetterFilter(), behind: nil, limit: 100).letters
        #expect(listed.filter { $0.id.consumer == replay.id }.count == letters)
        #expect(listed.count { $0.id.consumer == consumer } > 0)
        let records = try await log.letterRecords(listed.filter { $0.id.consumer == replay.id }.map(\.id))
        #expect(records.count == letters && records.allSatisfy { $0.event != nil })
        let groups = try await log.letterSummary(of: [replay.id], from: nil, until: nil).groups
        #expect(groups.reduce(0) { $0 + $1.letters } == Int64(letters))
        let view = "SELECT count(*) FROM leat.dead_letters WHERE connection = 'shop/hook' AND replay_id"
        #expect(try await number("\(view) = \(replay.id.rawValue)") == letters)
        #expect(try await number("\(view) IS NULL") == listed.count { $0.id.consumer == consumer })
    }
}
