import Conditions
import EventJSON
import EventLog
import EventModel
import TestSupport
import Testing

@testable import Pipeline

@Suite struct ChooserTests {
    private static func entry(_ type: EventType, _ name: String? = nil, user: UInt64 = 1) -> DirectoryEntry {
        DirectoryEntry(
            length: 0,
            type: type,
            receivedAt: 0,
            userHash: user,
            nameHash: name.map { EventHash.key($0) } ?? 0,
            messageHash: EventHash.message("m")
        )
    }

    private static func chooser(_ condition: String, sample: String? = nil) throws -> Chooser {
        let selection = Selection(filter: try Condition(parsing: condition), sample: sample.flatMap { SampleRate($0) })
        return try #require(Chooser(selection, of: ConsumerID(rawValue: 3)))
    }

    @Test func `What the directory can tell is decided by it alone`() throws {
        let orders = try Self.chooser("type == \"track\" && event in [\"Order Completed\", \"Order Refunded\"]")
        #expect(orders.judge(Self.entry(.page)) == .excluded(.filter))
        #expect(orders.judge(Self.entry(.track, "Signed Up")) == .excluded(.filter))
        #expect(orders.judge(Self.entry(.track, "Order Completed")) == .open)
        let pages = try Self.chooser("type in [\"page\", \"screen\"]")
        #expect(pages.judge(Self.entry(.page)) == .wanted)
        #expect(pages.judge(Self.entry(.alias)) == .excluded(.filter))
        let either = try Self.chooser("properties.total > 1 || type startsWith \"id\"")
        #expect(either.judge(Self.entry(.identify)) == .wanted)
        #expect(either.judge(Self.entry(.track)) == .open)
        let not = try Self.chooser("!(event == \"Order Completed\")")
        #expect(not.judge(Self.entry(.track, "Signed Up")) == .wanted)
        #expect(not.judge(Self.entry(.identify)) == .open)
    }

    @Test func `The sample is asked before the filter, and consent always of the text`() throws {
        let sampled = try Self.chooser("type == \"page\"", sample: "0.5")
        let judgements = (0..<100 as Range<UInt64>).map { sampled.judge(Self.entry(.track, user: $0)) }
        #expect(Set(judgements.map { "\($0)" }).count == 2)
        #expect(!judgements.contains { $0 == .wanted || $0 == .open })
        let consent = Selection(
            filter: try Condition(parsing: "type == \"page\""),
            consent: ConsentRule(categories: ["Ads"])
        )
        let chooser = try #require(Chooser(consent, of: ConsumerID(rawValue: 1)))
        #expect(chooser.judge(Self.entry(.page)) == .open)
        #expect(chooser.judge(Self.entry(.track)) == .excluded(.filter))
        #expect(Chooser(.everything, of: ConsumerID(rawValue: 1)) == nil)
    }

    @Test func `What is not wanted is told with the rule's own text, and consent with its categories`() throws {
        var tape = JSONTape()
        let rule = ConsentRule(categories: ["Ads", "Email", "Maps"], match: .all)
        let selection = Selection(
            filter: try Condition(parsing: "properties.total > 100"),
            sample: SampleRate("0.25"),
            consent: rule
        )
        let chooser = try #require(Chooser(selection, of: ConsumerID(rawValue: 1)))
        func words(_ exclusion: Exclusion, _ text: String) -> String {
            chooser.words(exclusion, Array(text.utf8)[...], &tape)
        }
        #expect(words(.sample, "") == "the user is not among those whom sample 0.25 chooses")
        #expect(words(.filter, "") == "the filter does not hold: properties.total > 100")
        let wish = "consent is wanted to all of Ads, Email, Maps"
        #expect(words(.consent, "{}") == "the event states no consent; \(wish)")
        let stated = #"{"context":{"consent":{"categoryPreferences":{"Ads":false,"Maps":true}}}}"#
        #expect(words(.consent, stated) == "Ads is denied, Email is not given; \(wish)")
        let rudder = #"{"context":{"consentManagement":{"allowedConsentIds":["Ads"],"deniedConsentIds":["Maps"]}}}"#
        #expect(words(.consent, rudder) == "Email is not given, Maps is denied; \(wish)")
    }

    @Test func `A chunk whose every event the directory rejects is not inflated`() throws {
        var draft = ChunkDraft(partition: PartitionID(rawValue: 256))
        for number in 0..<20 { draft.append(Self.entry(number == 7 ? .page : .track), Array("{\"n\":\(number)}".utf8)) }
        // Its bodies do not hold what their hash says.
        var payload = draft.encode(.lz4)
        payload[payload.count - 1] ^= 1
        let chunk = try Chunk(partition: draft.partition, firstOffset: 100, sliceTime: 1, count: 20, payload: payload)
        var events: [LaneEvent] = []
        var sorter = ChunkSorter(try Self.chooser("type == \"screen\""))
        #expect(sorter.sort(chunk, from: 105, [6, 9], into: &events) == nil)
        #expect(events.map(\.offset) == Array(105..<120))
        #expect(sorter.wanted == 0 && sorter.excluded == [.filter: 13])
        var other = ChunkSorter(try Self.chooser("type == \"page\""))
        var others: [LaneEvent] = []
        #expect(other.sort(chunk, from: 100, [], into: &others) != nil)
        let damaged = others.filter { if case .damaged = $0.choice { true } else { false } }
        #expect(damaged.map(\.offset) == [107])
    }
}

@Suite struct ReasonCountsTests {
    @Test func `What plugins say is told apart up to a bound, and counted together beyond it`() {
        var counts = ReasonCounts()
        for number in 0..<ReasonCounts.reasonsOfPlugin + 10 { counts.count(droppedBy: "a", reason: "reason \(number)") }
        counts.count(droppedBy: "a", reason: "reason 3")
        counts.count(droppedBy: "b", reason: "")
        counts.count(droppedBy: "b", reason: "two\nlines\u{0}")
        counts.count(droppedBy: "b", reason: String(repeating: "ä", count: 200))
        counts.count("filter")
        #expect(counts.events["a: reason 3"] == 2 && counts.events["a: other reasons"] == 10)
        #expect(counts.events["b: no reason given"] == 1 && counts.events["b: twolines"] == 1)
        #expect(counts.events["b: " + String(repeating: "ä", count: ReasonCounts.reasonCharacters)] == 1)
        for plugin in 0..<50 {
            for reason in 0..<10 { counts.count(droppedBy: "p\(plugin)", reason: "\(reason)") }
        }
        // The filter's own, and what is told together, come on top.
        #expect(counts.events.count <= ReasonCounts.reasons + 2)
        let total: Int64 = 535
        #expect(counts.events.values.reduce(0, +) == total)
    }

    @Test func `Parts that were dropped are counted apart from events, and their sum stays exact beyond the bound`() {
        var counts = ReasonCounts()
        counts.count(droppedBy: "part", reason: "bot")
        for number in 0..<50 { counts.count(partDroppedBy: "a", reason: "reason \(number % 40)") }
        #expect(counts.events["part: bot"] == 1 && counts.events["part dropped by a: reason 3"] == 2)
        #expect(counts.events["part dropped by a: other reasons"] == 20)
        for plugin in 0..<300 { counts.count(partDroppedBy: "p\(plugin)", reason: "") }
        #expect(counts.droppedParts == 350)
        #expect(counts.events.values.reduce(0, +) == 351 && counts.events.count <= ReasonCounts.reasons + 2)
    }
}
