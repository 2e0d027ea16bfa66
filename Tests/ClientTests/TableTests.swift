import Catalog
import Foundation
import Testing

@testable import leat

/// What a person sees, to the character.
@Suite struct TableTests {
    @Test func `Timings are a table that reads down and across`() throws {
        let answer = """
            {"timings": [
              {"plugin": "com.example.mask-email", "version": "1.10.0",
               "creationSeconds": {"count": 3, "p50": 0.0031, "p90": 0.01249, "p99": 0.01249, "max": 0.0125},
               "executionSeconds": {"count": 1234567, "p50": 0.00042, "p90": 0.00099951, "p99": 1.5, "max": 75.4},
               "inputBytes": {"count": 1234567, "p50": 812, "p90": 1000, "p99": 204800, "max": 16777216},
               "failures": {"crashed": 1, "deadline": 12}},
              {"plugin": "leat.webhook", "version": "1.0.0",
               "creationSeconds": {"count": 1, "p50": 0.002, "p90": 0.002, "p99": 0.002, "max": 0.002},
               "executionSeconds": {"count": 0, "p50": null, "p90": null, "p99": null, "max": null},
               "inputBytes": {"count": 0, "p50": null, "p90": null, "p99": null, "max": null},
               "failures": {}}
            ]}
            """
        let expected = """
            PLUGIN                  VERSION  MEASURE         COUNT      P50       P90      P99       MAX  FAILURES
            com.example.mask-email  1.10.0   creation            3  3.10 ms   12.5 ms  12.5 ms   12.5 ms  crashed 1, deadline 12
                                             execution   1,234,567   420 µs   1.00 ms   1.50 s    75.4 s
                                             input size  1,234,567    812 B  0.98 KiB  200 KiB  16.0 MiB
            leat.webhook            1.0.0    creation            1  2.00 ms   2.00 ms  2.00 ms   2.00 ms  none
                                             execution           0        -         -        -         -
                                             input size          0        -         -        -         -
            """
        #expect(PluginTimingsCommand.table(try Document.json(answer)).lines.joined(separator: "\n") == expected)
    }

    @Test func `Counts are a table whose columns add up`() throws {
        let answer = """
            {"sources": [{"source": "web", "accepted": 2000, "refused": 3}],
             "connections": [{"connection": "web/crm", "read": 1990, "unread": 10, "expired": 0, "duplicates": 5,
               "filtered": 0, "dropped": 85, "failed": 0, "transformed": 1900, "emitted": 1900, "delivered": 1890,
               "deadLettered": 7, "waiting": 3}]}
            """
        let document = try Document.json(answer)
        #expect(
            CountsCommand.sources(document).lines == [
                "SOURCE  ACCEPTED  REFUSED",
                "web        2,000        3",
            ]
        )
        let expected = [
            "CONNECTION   READ  UNREAD  EXPIRED  DUPLICATES  FILTERED  DROPPED  FAILED  TRANSFORMED  EMITTED  DELIVERED"
                + "  DEAD  WAITING",
            "web/crm     1,990      10        0           5         0       85       0        1,900    1,900      1,890"
                + "     7        3",
        ]
        #expect(CountsCommand.connections(document).lines == expected)
    }

    @Test func `Why events were filtered or dropped is shown for each connection`() throws {
        let answer = """
            {"connections": [{"connection": "web/crm", "reasons": {"com.example.geo: bot": 2, "filter": 1234}},
              {"connection": "web/other", "reasons": {}}]}
            """
        let expected = """
            CONNECTION  FILTERED OR DROPPED BECAUSE OF  EVENTS
            web/crm     com.example.geo: bot                 2
            web/crm     filter                           1,234
            """
        #expect(CountsCommand.reasons(try Document.json(answer)).lines.joined(separator: "\n") == expected)
    }

    @Test func `Sources show their keys' ids and hints`() throws {
        let answer = """
            {"sources": [
              {"name": "web", "id": 1, "enabled": true, "partitions": 4, "limits": {"eventsPerSecond": 100},
                "transformations": [{"plugin": "com.example.geo", "config": {}}], "writeKeys": [
                {"id": "0123456789ab", "hint": "wxyz", "createdAt": "2026-11-22T14:30:05.123Z"}]},
              {"name": "app", "id": 2, "enabled": false, "partitions": 64, "writeKeys": []}]}
            """
        let expected = """
            SOURCE  ENABLED  PARTITIONS  LIMITS               TRANSFORMATIONS  WRITE KEYS (ID …HINT)
            web     yes               4  eventsPerSecond 100  com.example.geo  0123456789ab …wxyz
            app     no               64  none                 none             none
            """
        #expect(Sources.List.table(try Document.json(answer)).lines.joined(separator: "\n") == expected)
    }

    @Test func `Dead letters say where, when and why`() throws {
        let answer = """
            {"deadLetters": [{"id": "1.0.3-7-1-17-2", "connection": "web/crm", "replay": 12, "partition": "1.0.3", "offset": 17,
              "part": 2, "at": "2026-11-22T14:30:05.123Z", "stage": "deliver", "code": "http_400",
              "message": "Refused.", "plugin": null, "attempts": 1, "edited": {"at": "x", "by": "y"},
              "requeued": null}]}
            """
        let expected = """
            AT                        CONNECTION  REPLAY  STAGE    ATTEMPTS  PLUGIN  MARKS   ID              REASON
            2026-11-22T14:30:05.123Z  web/crm         12  deliver         1  -       edited  1.0.3-7-1-17-2  http_400: Refused.
            """
        #expect(DeadLetters.List.table(try Document.json(answer)).lines.joined(separator: "\n") == expected)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567"), (.max, "9,223,372,036,854,775,807"),
    ])
    func `Whole numbers have their thousands set apart`(value: Int64, text: String) {
        #expect(Units.count(value) == text)
    }

    @Test(arguments: [
        (0, "0.00 µs"), (0.000_000_5, "0.50 µs"), (0.000_1, "100 µs"), (0.000_999_4, "999 µs"),
        (0.000_999_6, "1.00 ms"), (0.009_996, "10.0 ms"), (0.999_4, "999 ms"), (0.999_6, "1.00 s"), (3600, "3600 s"),
    ])
    func `Times are three digits long`(seconds: Double, text: String) {
        #expect(Units.duration(seconds: seconds) == text)
    }
}
