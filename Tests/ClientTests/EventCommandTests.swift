import Catalog
import TestSupport
import Testing

@testable import leat

@Suite(.timeLimit(.minutes(5))) struct EventCommandTests {
    @Test func `An event's way is told as a timeline, without colours where nobody sees them`() async throws {
        try await RunningServer.with { server in
            let told = try await server.leat("event", "m1", "--user", "u1")
            #expect(
                told.output == """
                    track m1  web 1.0.0:1,234
                      received  2023-11-14T22:13:19.999Z
                      accepted  2023-11-14T22:13:20.000Z, in a chunk of 12

                    → web/crm  dead_lettered
                      plugins   com.example.mask@1.0.0
                      2023-11-14T22:13:20.000Z  recorded, as failed
                        transform  com.example.mask@1.0.0  emitted  1.50 ms for 12 events together
                          what came in: recomputed
                          - /email  "a@b.c"
                          and 7 places more
                        request refused
                          POST https://example.com/hook  2 B
                            Authorization: •••
                            {}
                          try 1  2023-11-14T22:13:20.100Z  http_400  3.00 ms
                            no such field
                        dead_lettered http_400

                    """
            )
            #expect(told.status == 0)
            let json = try await server.leat("event", "m1", "--json", "--since", "15m")
            #expect(json.output.contains(#""messageId":"m1""#) && json.output.contains(#""basis":"recorded""#))
            let none = try await server.leat("event", "m2")
            #expect(none.status == 1 && none.output.contains("Name its user with --user"))
            #expect(try await server.leat("event", "m1", "--source", "app").status == 1)
        }
    }

    @Test func `What differs is coloured for a person`() {
        var story = EventStory(isColoured: true)
        let stage: Document = [
            "stage": "transform", "plugin": ["plugin": "a.b", "version": "1"], "verdict": "emitted", "partCount": 1,
            "differences": [[["pointer": "/a", "before": "1", "after": "2"]]],
        ]
        let pass: Document = ["basis": "recomputed", "outcome": "delivered", "stages": [stage]]
        let consumer: Document = ["connection": "a/b", "outcome": "delivered", "passes": [pass]]
        story.tell(["messageId": "m", "copies": [["consumers": [consumer]]]])
        #expect(story.lines.contains("\u{1B}[31m      - /a  1\u{1B}[0m"))
        #expect(story.lines.contains("\u{1B}[32m      + /a  2\u{1B}[0m"))
    }

    @Test func `A step that was skipped is shown with its condition, and what was filtered with the rule`() {
        var story = EventStory(isColoured: false)
        let plugin: Document = ["plugin": "a.b", "version": "1", "rule": "n > 5", "ofSource": true]
        let stages: [Document] = [
            ["stage": "transform", "plugin": plugin, "verdict": "skipped", "asked": 0],
            ["stage": "transform", "plugin": plugin, "verdict": "emitted", "asked": 2],
        ]
        let passes: [Document] = [
            ["basis": "recomputed", "outcome": "delivered", "stages": .list(stages)],
            [
                "basis": "recomputed", "outcome": "filtered", "code": "filter",
                "reason": "the filter does not hold: n > 1",
            ],
        ]
        let connector: Document = ["plugin": "c.d", "version": "2", "rule": #"{"filter":"n > 1"}"#]
        let consumer: Document = [
            "connection": "a/b", "outcome": "delivered", "plugins": .list([plugin, connector]),
            "passes": .list(passes),
        ]
        story.tell(["messageId": "m", "copies": [["consumers": [consumer]]]])
        let told = story.lines.joined(separator: "\n")
        #expect(told.contains("  wanted    {\"filter\":\"n > 1\"}"))
        #expect(told.contains("a.b@1 of the source  skipped\n      when n > 5: does not hold"))
        #expect(told.contains("a.b@1 of the source  emitted\n      when n > 5: holds for 2 parts"))
        #expect(told.contains("    filtered filter: the filter does not hold: n > 1"))
    }

    @Test func `Of each part it is told what it was made of, what is not shown and why`() {
        var story = EventStory(isColoured: false)
        let comparisons: [Document] = [
            ["from": 1, "compared": true, "more": 2, "note": nil],
            ["from": nil, "compared": false, "more": 0, "note": "It is too long."],
        ]
        let stage: Document = [
            "stage": "transform", "plugin": ["plugin": "a.b", "version": "1"], "verdict": "emitted", "partCount": 5,
            "before": nil, "beforeBasis": "unknown", "parts": [["text": "{}"], ["text": "{}"]],
            "partsBasis": "recorded", "differences": [[["pointer": "/a", "before": nil, "after": "2"]], nil],
            "comparisons": .list(comparisons), "note": "It is gone.",
        ]
        let pass: Document = ["basis": "recorded", "outcome": "delivered", "stages": [stage]]
        let consumer: Document = ["connection": "a/b", "outcome": "delivered", "passes": [pass]]
        story.tell(["messageId": "m", "copies": [["consumers": [consumer]]]])
        let told = story.lines.joined(separator: "\n")
        let expected = """
                transform  a.b@1  emitted
                  what came in: unknown
                  part 0 of part 1
                  + /a  2
                  and 2 places more
                  part 1
                  It is too long.
                  and 3 parts more, which are not kept
                  It is gone.
            """
        #expect(told.contains(expected), "\(told)")
    }

    @Test func `Users and messages are followed, listed and left alone again`() async throws {
        try await RunningServer.with { server in
            let follows = try await server.leat("trace", "user-1", "--for", "15m")
            #expect(follows.status == 0 && follows.output.hasPrefix("Follows user-1 until "), "\(follows.errors)")
            let list = try await server.leat("trace", "list")
            #expect(list.output.contains("USER OR MESSAGE") && list.output.contains("user-1"))
            #expect(try await server.leat("trace", "list", "--json").output.contains(#""subject":"user-1""#))
            #expect(try await server.leat("trace", "end", "user-1").status == 0)
            #expect(try await server.leat("trace", "end", "user-1").status == 1)
            #expect(try await server.leat("trace", "list").output == "Nobody is followed.\n")
            #expect(try await server.leat("trace", "user-1", "--for", "2d").status == 1)
        }
    }
}
