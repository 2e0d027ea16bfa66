import EventModel
import Synchronization
import TestSupport
import Testing

@testable import Delivery

@Suite(.timeLimit(.minutes(5))) struct SummaryTests {
    private static func summary(
        _ url: String,
        headers: [(String, String)] = [],
        body: String = "",
        secrets: [String] = []
    ) -> RequestSummary {
        RequestSummary(
            method: "POST",
            url: url,
            headers: headers.map { OutboundRequest.Header(name: $0.0, value: $0.1) },
            body: Array(body.utf8)[...],
            mask: SecretMask(secrets.compactMap { SecretValue(Array($0.utf8)) })
        )
    }

    @Test func `Nothing that may be a credential is kept of a request`() {
        let summary = Self.summary(
            "https://anna:pass@api.example.com/v1/k9-live-secret?user=7&api_key=abc&sig=x&access_token=t&empty#f",
            headers: [
                ("Authorization", "Bearer abc"), ("X-API-Key", "abc"), ("Cookie", "a=b"), ("X-Session-Id", "s"),
                ("Content-Type", "application/json"), ("X-Note", "holds k9-live-secret inside"),
                ("Idempotency-Key", "00ff"),
            ],
            body: #"{"token":"k9-live-secret","n":1}"#,
            secrets: ["k9-live-secret"]
        )
        #expect(
            summary.url
                == "https://•••@api.example.com/v1/•••?user=7&api_key=•••&sig=•••&access_token=•••&empty#f"
        )
        #expect(
            summary.headers.map(\.value) == [
                "•••", "•••", "•••", "•••", "application/json", "holds ••• inside", "00ff",
            ]
        )
        #expect(summary.body == #"{"token":"•••","n":1}"# && summary.bodyBytes == 32)
    }

    @Test func `What is kept of a request is bounded`() {
        let long = String(repeating: "ä", count: 100_000)
        let summary = Self.summary(
            "https://example.com/" + String(repeating: "x", count: 100_000),
            headers: (0..<200).map { ("X-\($0)", long) },
            body: long
        )
        #expect(summary.headers.count == 64 && summary.headers.allSatisfy { $0.value.utf8.count <= 512 })
        #expect(summary.body.utf8.count <= RequestSummary.maximumBody && summary.bodyBytes == 200_000)
        #expect(summary.size < 64 * 600 + 8 * 1024)
    }

    /// Hands one request to a courier and waits for its end.
    private static func tries(_ reaction: RecordingServer.Reaction, isKept: Bool) async throws -> [Attempt] {
        let ends = AsyncStream.makeStream(of: [Attempt].self)
        return try await RecordingServer.with({ _ in reaction }) { server in
            try await withSender { sender in
                let courier = Courier(
                    sender: sender,
                    terms: Courier.Terms(schedule: RetrySchedule(), concurrency: 1)
                )
                let request = try request(to: server.url + "/hook?token=abc")
                async let running: Void = courier.run()
                _ = courier.submit([
                    Courier.Parcel(request: request, events: 1, isKept: isKept) { _, tries in
                        ends.continuation.yield(tries)
                    }
                ])
                var seen: [Attempt] = []
                for await tries in ends.stream {
                    seen = tries
                    break
                }
                courier.close()
                await running
                return seen
            }
        }
    }

    @Test func `A failed try says what was sent and answered, a good one only when it is asked to`() async throws {
        let headers = [
            ("X-Request-Id", "r-1"), ("RateLimit-Remaining", "0"), ("Set-Cookie", "s=1"), ("Server", "x"),
        ]
        let failed = try await Self.tries(.answer(422, headers: headers, body: "no such field"), isKept: false)
        let attempt = try #require(failed.first)
        #expect(attempt.text == "no such field" && attempt.firstByte.map { $0 <= attempt.duration } == true)
        #expect(Set(attempt.answerHeaders.map { $0.name.lowercased() }).isSuperset(of: ["x-request-id"]))
        #expect(!attempt.answerHeaders.contains { $0.name.lowercased() == "set-cookie" })
        let request = try #require(attempt.request)
        #expect(request.method == "POST" && request.url.hasSuffix("/hook?token=•••") && request.body == "{\"a\":1}")
        let good = try await Self.tries(.answer(200, headers: headers, body: "thanks"), isKept: false)
        #expect(good.first?.request == nil && good.first?.text == "" && good.first?.answerHeaders == [])
        let kept = try await Self.tries(.answer(200, headers: headers, body: "thanks"), isKept: true)
        #expect(kept.first?.request?.bodyBytes == 7 && kept.first?.text == "thanks")
        #expect(kept.first?.answerHeaders.contains { $0.value == "r-1" } == true)
    }
}
