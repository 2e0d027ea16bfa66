import EventJSON
import EventLog
import EventModel
import Foundation
import Testing

@testable import Ingestion

@Suite struct EventIntakeTests {
    static let receivedAt = "2026-11-22T12:00:10.000Z"

    /// What the log keeps of `event`.
    static func take(
        _ event: String,
        type: EventType? = nil,
        sentAt: String? = nil,
        ip: String? = "203.0.113.9",
        beside: String = ""
    ) throws -> (event: String, entry: DirectoryEntry) {
        let sent = sentAt.map { #""sentAt":\#($0),"# } ?? ""
        let body = Array("{\(beside)\(sent)\"batch\":[\(event)]}".utf8)
        var tape = JSONTape(limits: .request)
        try tape.parse(body)
        let batch = try #require(tape.member(of: tape.root, "batch"))
        let node = try #require(tape.element(of: batch, at: 0))
        let circumstances = EventIntake.Circumstances(
            type: type,
            receivedAt: EventTime(Array(receivedAt.utf8).span) ?? EventTime(microseconds: 0),
            requestIP: ip.map { Array("\"\($0)\"".utf8) } ?? [],
            sentAt: tape.member(of: tape.root, "sentAt"),
            shared: SharedMembers(tape.root, of: tape)
        )
        var intake = EventIntake()
        intake.begin(circumstances)
        let entry = try intake.take(node, of: tape, in: body, circumstances)
        return (String(decoding: intake.bytes, as: UTF8.self), entry)
    }

    @Test func `An event is kept as it was sent but for what the server knows`() throws {
        let sent =
            #"{ "userId":"u" , "type":"track","event":"E\u0041","properties":{"n":1.0E+2,"n":9007199254740993},"messageId":"m" }"#
        let kept = try Self.take(sent).event
        #expect(
            kept
                == #"{ "userId":"u" , "type":"track","event":"E\u0041","properties":{"n":1.0E+2,"n":9007199254740993},"#
                + #""messageId":"m" ,"originalTimestamp":"\#(Self.receivedAt)","timestamp":"\#(Self.receivedAt)","#
                + #""receivedAt":"\#(Self.receivedAt)","request_ip":"203.0.113.9"}"#
        )
    }

    @Test(arguments: [
        // The event has none, or null.
        (#""event":"E""#, #""event":"E","context":{"a":1,"b":{"c":[2]}},"integrations":{"All":false}"#),
        (#""context":null"#, #""context":{"a":1,"b":{"c":[2]}},"integrations":{"All":false}"#),
        // It has some of it: its own counts, whole.
        (#""context":{"b":{},"z":0}"#, #""context":{"b":{},"z":0,"a":1},"integrations":{"All":false}"#),
        (#""context":{"\u0061":0,"b":null}"#, #""context":{"\u0061":0,"b":null},"integrations":{"All":false}"#),
        (
            #""integrations":{"X":true},"context":{}"#,
            #""integrations":{"X":true,"All":false},"context":{"a":1,"b":{"c":[2]}}"#
        ),
        // Its own is no object.
        (#""context":"text","integrations":[]"#, #""context":"text","integrations":[]"#),
    ])
    func `What a batch says of all its events is merged into each`(sent: String, kept: String) throws {
        let known =
            #""userId":"u","type":"track","messageId":"m","sentAt":0,"timestamp":"t","originalTimestamp":"t","#
            + #""receivedAt":"\#(Self.receivedAt)","#
        let shared = #""context":{"a":1,"b":{"c":[2]}},"integrations":{"All":false},"#
        let taken = try Self.take("{\(known)\(sent)}", ip: nil, beside: shared).event
        #expect(taken == "{\(known)\(kept)}")
        // An event alone, and one beside what says nothing, stay as they are.
        for nothing in ["", #""context":null,"integrations":{},"#, #""context":[1],"integrations":"x","#] {
            #expect(try Self.take("{\(known)\(sent)}", ip: nil, beside: nothing).event == "{\(known)\(sent)}")
        }
    }

    @Test func `An event that grows too large by what its batch says is refused`() throws {
        let large = String(repeating: "x", count: Limits.eventBytes - 100)
        let shared = #""context":{"large":"\#(large)"},"#
        #expect(throws: EventRefusal.tooLarge) {
            try Self.take(
                #"{"userId":"u","type":"track","event":"a-name-of-some-length","properties":{"and":"more"}}"#,
                beside: shared
            )
        }
        #expect(try Self.take(#"{"userId":"u","type":"track"}"#, beside: shared).event.contains(large))
    }

    @Test func `Explicit nulls count as absent and are filled in their place`() throws {
        let kept = try Self.take(
            #"{"messageId":null,"anonymousId":null,"userId":"u","type":"track","timestamp":null,"receivedAt":null}"#
        ).event
        let object = try #require(JSONSerialization.jsonObject(with: Data(kept.utf8)) as? [String: Any])
        #expect(UUID(uuidString: try #require(object["messageId"] as? String)) != nil)
        #expect(object["anonymousId"] is NSNull)
        #expect(object["timestamp"] as? String == Self.receivedAt)
        #expect(kept.hasPrefix(#"{"messageId":""#))
        #expect(kept.components(separatedBy: "messageId").count == 2)
        #expect(kept.components(separatedBy: "receivedAt").count == 2)
    }

    @Test(arguments: [
        // The sender's clock is ten seconds ahead.
        (
            #""timestamp":"2026-11-22T12:00:15Z""#, #""2026-11-22T12:00:20Z""#,
            "2026-11-22T12:00:05.000Z", "2026-11-22T12:00:15Z"
        ),
        // Five hours behind, with an offset.
        (
            #""originalTimestamp":"2026-11-22T08:00:00.000+01:00""#, #""2026-11-22T08:00:10.000+01:00""#,
            "2026-11-22T12:00:00.000Z", "2026-11-22T08:00:00.000+01:00"
        ),
        // Both are there: corrected already.
        (
            #""originalTimestamp":"2026-11-22T08:00:00Z","timestamp":"2026-11-22T09:00:00Z""#,
            #""2026-11-22T12:00:20Z""#,
            "2026-11-22T09:00:00Z", "2026-11-22T08:00:00Z"
        ),
        // Nobody says when it was sent: the time is believed.
        (
            #""timestamp":"2024-01-02T03:04:05.678000+00:00""#, nil, "2024-01-02T03:04:05.678Z",
            "2024-01-02T03:04:05.678000+00:00"
        ),
        // No time but that of sending.
        (#""x":1"#, #""2026-11-22T12:00:20Z""#, "2026-11-22T12:00:10.000Z", "2026-11-22T12:00:20.000Z"),
        // What is no time is kept as the original.
        (#""timestamp":"yesterday""#, #""2026-11-22T12:00:20Z""#, "2026-11-22T12:00:10.000Z", "yesterday"),
        // A correction beyond the calendar is none.
        (
            #""timestamp":"9999-12-31T23:59:59Z""#, #""2026-11-22T12:00:00Z""#, "2026-11-22T12:00:10.000Z",
            "9999-12-31T23:59:59Z"
        ),
    ])
    func `The sender's clock is corrected by the time between sending and receiving`(
        times: String,
        sentAt: String?,
        timestamp: String,
        original: String
    ) throws {
        let kept = try Self.take(#"{"userId":"u","type":"track",\#(times)}"#, sentAt: sentAt).event
        let object = try #require(JSONSerialization.jsonObject(with: Data(kept.utf8)) as? [String: Any])
        #expect(object["timestamp"] as? String == timestamp)
        #expect(object["originalTimestamp"] as? String == original)
        #expect(object["sentAt"] as? String == sentAt?.trimmingCharacters(in: ["\""]))
    }

    @Test(arguments: [
        #"{"writeKey":"s3cret","userId":"u"}"#, #"{"userId":"u","writeKey":"s3cret"}"#,
        #"{"userId":"u", "writeKey":"s3cret" , "a":1}"#, #"{"writeKey":"s3cret","userId":"u","writeKey":"s3cret"}"#,
        #"{"userId":"u","writeKey":"s3cret","writeKey":null}"#,
        #"{"messageId":"m","receivedAt":"x","userId":"u","request_ip":1,"timestamp":"x","originalTimestamp":"y","type":"track","writeKey":"s3cret"}"#,
    ])
    func `The write key is not kept`(event: String) throws {
        let kept = try Self.take(event, type: .track).event
        #expect(!kept.contains("s3cret") && !kept.contains("writeKey"))
        let object = try #require(JSONSerialization.jsonObject(with: Data(kept.utf8)) as? [String: Any])
        #expect(object["userId"] as? String == "u")
        #expect(object["type"] as? String == "track")
    }

    @Test func `The path says what an event is`() throws {
        #expect(try Self.take(#"{"type":"track","userId":"u"}"#, type: .page).event.hasPrefix(#"{"type":"page","#))
        #expect(try Self.take(#"{"type":7,"userId":"u"}"#, type: .page).entry.type == EventType.page.rawValue)
        #expect(try Self.take(#"{"userId":"u"}"#, type: .merge).event.contains(#""type":"merge""#))
    }

    @Test func `The user key is the user id, else the anonymous id`() throws {
        let user = try Self.take(#"{"type":"track","userId":"u","anonymousId":"a"}"#).entry.userHash
        #expect(try Self.take(#"{"type":"page","userId":"u"}"#).entry.userHash == user)
        #expect(try Self.take(#"{"type":"page","userId":"\u0075"}"#).entry.userHash == user)
        #expect(try Self.take(#"{"type":"page","anonymousId":"u","userId":null}"#).entry.userHash == user)
        #expect(try Self.take(#"{"type":"page","anonymousId":"u","userId":"  "}"#).entry.userHash == user)
        #expect(try Self.take(#"{"type":"page","anonymousId":"a"}"#).entry.userHash != user)
        let number = try Self.take(#"{"type":"track","userId":17}"#).entry.userHash
        #expect(try Self.take(#"{"type":"track","userId":"17"}"#).entry.userHash == number)
        let merge = #"{"type":"merge","mergeProperties":[{"type":"email","value":"u"},{"type":"phone","value":"1"}]}"#
        #expect(try Self.take(merge).entry.userHash == user)
    }

    @Test func `The message id decides what repeats`() throws {
        let entry = try Self.take(#"{"type":"track","userId":"u","messageId":"m-1","event":"E"}"#).entry
        #expect(
            try Self.take(#"{"type":"page","userId":"v","messageId":"m-1"}"#).entry.messageHash == entry.messageHash
        )
        #expect(try Self.take(#"{"type":"page","userId":"u"}"#).entry.messageHash != entry.messageHash)
        #expect(try Self.take(#"{"type":"track","userId":"v","event":"E"}"#).entry.nameHash == entry.nameHash)
        #expect(try Self.take(#"{"type":"page","userId":"v","event":"E"}"#).entry.nameHash == 0)
        #expect(try Self.take(#"{"type":"track","userId":"v"}"#).entry.nameHash == 0)
    }

    @Test(arguments: [
        ("[]", EventRefusal.notAnObject), ("null", .notAnObject), ("{}", .missingType),
        (#"{"type":null,"userId":"u"}"#, .missingType), (#"{"type":"trak","userId":"u"}"#, .unknownType),
        (#"{"type":1,"userId":"u"}"#, .unknownType), (#"{"type":"track"}"#, .noIdentity),
        (#"{"type":"track","userId":"","anonymousId":null}"#, .noIdentity),
        (#"{"type":"track","userId":{}}"#, .identityNotText), (#"{"type":"track","userId":true}"#, .identityNotText),
        (#"{"type":"track","userId":"\#(String(repeating: "u", count: 1025))"}"#, .identityTooLong),
        (#"{"type":"track","userId":"u","messageId":[]}"#, .messageIDNotText),
        (#"{"type":"track","userId":"u","messageId":"\#(String(repeating: "m", count: 1025))"}"#, .messageIDTooLong),
        (#"{"type":"alias","userId":"u"}"#, .aliasWithoutPrevious),
        (#"{"type":"alias","previousId":"p"}"#, .noIdentity),
        (#"{"type":"merge"}"#, .mergeWithoutProperties),
        (#"{"type":"merge","mergeProperties":[]}"#, .mergeWithoutProperties),
        (#"{"type":"merge","mergeProperties":[{"type":"email"}]}"#, .mergeWithoutProperties),
        (#"{"type":"track","userId":"u","x":"\#(String(repeating: "x", count: 32_768))"}"#, .tooLarge),
    ])
    func `An event that nobody could use is refused with a reason`(event: String, reason: EventRefusal) {
        #expect(throws: reason) { try Self.take(event) }
    }

    @Test func `The largest event that is allowed is kept whole`() throws {
        let frame = #"{"type":"track","userId":"u","x":""}"#
        let filler = String(repeating: "x", count: Limits.eventBytes - frame.utf8.count)
        let kept = try Self.take(frame.replacingOccurrences(of: #""x":"""#, with: #""x":"\#(filler)""#))
        #expect(kept.event.contains(filler))
        #expect(kept.entry.length == kept.event.utf8.count)
    }

    @Test func `Without an address there is no request ip`() throws {
        #expect(!(try Self.take(#"{"type":"track","userId":"u"}"#, ip: nil).event.contains("request_ip")))
    }
}
