import Catalog
import Foundation
import TestSupport
import Testing

@testable import leat

@Suite(.timeLimit(.minutes(5))) struct ReplayCommandTests {
    private static let plan = """
        {"events": 120000, "wanted": 4100, "isEstimate": true, "looked": 60000, "partitions": [], "remark": "",
         "plugins": [{"plugin": "a.mask", "version": "2.0"}, {"plugin": "a.hook", "version": "1.1"}],
         "samples": [
          {"partition": "1.0.0", "offset": 7, "event": "{}", "outcome": "emitted", "reason": "", "parts": ["{}"],
           "earlier": {"basis": "recorded", "outcome": "delivered", "reason": "", "whole": true,
            "plugins": [{"plugin": "a.mask", "version": "1.0"}], "differences": [[]]}},
          {"partition": "1.0.1", "offset": 9, "event": "{}", "outcome": "emitted", "reason": "",
           "parts": ["{\\"a\\":1}", "{\\"a\\":2}"],
           "earlier": {"basis": "recomputed", "outcome": "dead_lettered", "reason": "", "whole": false,
            "plugins": [], "differences": [[{"pointer": "/a", "before": "0", "after": "1"}],
             [{"pointer": "", "before": null, "after": "{\\"a\\":2}"}]]}},
          {"partition": "1.0.1", "offset": 10, "event": "{}", "outcome": "failed", "reason": "bad: no", "parts": [],
           "earlier": {"basis": "not_sent", "outcome": "dropped", "reason": "a bot", "whole": true, "plugins": [],
            "differences": []}},
          {"partition": "1.0.1", "offset": 11, "event": "{}", "outcome": "emitted", "reason": "", "parts": ["{}"],
           "earlier": {"basis": "unknown", "outcome": "delivered", "reason": "a.mask@1.0 is gone", "whole": false,
            "plugins": [], "differences": []}}
         ]}
        """

    @Test func `A plan says how much would be sent, and how a sample differs from what was sent before`() throws {
        let expected = """
            120,000 events lie in that time, of which about 4,100 would be sent.
            That is worked out from 60,000 events that there was time to look at.

            1.0.0:7  {}
              --- sent before by a.mask@1.0 (recorded), delivered
              +++ would be sent by a.mask@2.0, a.hook@1.1
              no difference

            1.0.1:9  {}
              --- sent before (recomputed), dead_lettered
              +++ would be sent in 2 parts by a.mask@2.0, a.hook@1.1
              @@ part 0 @@
              - /a  0
              + /a  1
              @@ part 1 @@
              + {"a":2}
              Only a part of it could be compared.

            1.0.1:10  {}
              --- not sent before, dropped: a bot
              +++ would not be sent, failed: bad: no

            1.0.1:11  {}
              --- unknown: a.mask@1.0 is gone
              +++ would be sent by a.mask@2.0, a.hook@1.1
              + {}
            """
        let story = PlanStory(try Document.json(Self.plan), isColoured: false)
        #expect(story.lines.joined(separator: "\n") == expected)
        let coloured = PlanStory(try Document.json(Self.plan), isColoured: true)
        #expect(coloured.lines.contains("\u{1B}[32m  + /a  1\u{1B}[0m"))
    }

    @Test func `A requeue says what is taken up by which replay, or would be`() throws {
        let begun = #"{"requeues": [{"connection": "web/crm", "letters": 1200, "events": 7, "replay": {"id": 12}}]}"#
        #expect(
            DeadLetters.Requeue.lines(try Document.json(begun)) == [
                "1,200 dead letters of 7 events of web/crm are taken up by replay 12: leat replay show 12"
            ]
        )
        let counted = #"{"requeues": [{"connection": "web/crm", "letters": 2, "events": 1, "replay": null}]}"#
        let lines = DeadLetters.Requeue.lines(try Document.json(counted))
        #expect(lines.first == "2 dead letters of 1 events of web/crm would be taken up." && lines.count == 2)
        let none = DeadLetters.Requeue.lines(try Document.json(#"{"requeues": []}"#))
        #expect(none == ["There are no dead letters to be taken up."])
    }

    @Test func `Replays are planned, begun, listed and moved`() async throws {
        try await RunningServer.with { server in
            let what = ["--event", "Bought", "--where", "properties.total > 1"]
            let words = ["--connection", "web/crm", "--from", "24h"] + what
            #expect(try await server.leat(["replay", "plan"] + words).status == 1, "there is no such connection")
            #expect(try await server.leat(["replay", "start", "--connection", "web/crm"]).status == 2)
            let none = try await server.leat("replay", "list")
            #expect(none.output == "There are no replays.\n")
            #expect(try await server.leat("replay", "show", "7").status == 1)
            let letters = try await server.leat("dead-letters", "requeue", "--connection", "web/crm", "--dry-run")
            #expect(letters.status == 1 && letters.text.contains("web/crm"))
        }
    }
}
