import CLeatPlugin
import EventModel
import LeatSDK
import TestSupport
import Testing
import WorkerProtocol

/// Sends pairs of events, and looks into them on the way.
private struct Pairs: Connector {
    let url: String

    init(configuration: Configuration) throws {
        url = try configuration.required("url")
        if let problem = Request.problem(withURL: url) { throw Failure(code: "bad_url", message: problem) }
    }

    mutating func requests(for batch: inout Batch, into sink: inout RequestSink) throws {
        if batch.count == 7 { throw Failure(.retry, code: "seven", message: "not seven") }
        for group in batch.groups(of: 2) {
            var request = Request(.put, url: url)
            var body: [UInt8] = []
            for index in group {
                try batch.withEvent(index) { event in
                    event["seen"] = true
                    event.appendJSON(to: &body)
                }
            }
            let first = group.lowerBound
            if String(decoding: batch.json(first), as: UTF8.self).contains("unwanted") {
                for index in group { sink.drop(index, "unwanted") }
                continue
            }
            if String(decoding: batch.json(first), as: UTF8.self).contains("broken") {
                for index in group { sink.fail(index, Failure(code: "broken", message: "cannot be sent")) }
                continue
            }
            request.json = body
            request.headers = [("x-id", batch.id(first)), ("x-try", "1")]
            request.idempotencyKey = batch.idempotencyKey(first)
            request.orderingKey = "o"
            request.secret = "token"
            request.timeoutMilliseconds = 900
            sink.send(request, carrying: group)
        }
    }

    mutating func classify(_ response: Response, into sink: inout ResponseSink) throws {
        if response.header("X-Silent") != nil { throw Failure(code: "silent", message: "says nothing") }
        for (place, word) in response.body.split(separator: UInt8(ascii: " ")).enumerated() {
            switch String(decoding: word, as: UTF8.self) {
            case "ok": sink.deliver(place)
            case "later": sink.retry(place, after: .seconds(3), because: Failure(code: "later", message: "not now"))
            default: sink.refuse(place, because: Failure(code: "no", message: "\(response.status) \(response.tag)"))
            }
        }
        if response.isTransportError {
            sink.retry(because: Failure(.retry, code: "gone", message: "try \(response.attempt)"))
        }
    }
}

private let pairs: leat_plugin_entry_v1_t = { host in
    unsafe Plugin.export(Pairs.self, id: "test.sdk", version: "1.0.0", to: UnsafeRawPointer(host))?
        .assumingMemoryBound(to: leat_plugin_v1.self)
}

extension SDKTests {
    @Suite struct ConnectorTests {
        private func worker() throws -> SDKWorker {
            let configuration = #"{"url":"https://example.com/x"}"#
            return try unsafe SDKWorker(pairs, kind: LEAT_KIND_DEST_REQUEST, configuration: configuration)
        }

        @Test func `Events become requests`() throws {
            let answer = try worker().answer([#"{"n":0}"#, #"{"n":1}"#, #"{"n":2}"#], .build)
            #expect(answer.verdicts == [.requested, .requested, .requested])
            let first = PluginRequest(
                method: "PUT",
                url: "https://example.com/x",
                headers: [.init(name: "x-id", value: "message-0"), .init(name: "x-try", value: "1")],
                body: Array(#"{"n":0,"seen":true}{"n":1,"seen":true}"#.utf8)[...],
                contentType: "application/json",
                authReference: "token",
                idempotencyKey: "key-0",
                orderingKey: "o",
                timeoutMilliseconds: 900,
                events: [0, 1]
            )
            #expect(answer.requests.count == 2)
            #expect(answer.requests.first == first)
            #expect(answer.requests.last?.events == [2])
        }

        @Test func `Events can be dropped and failed on the way`() throws {
            let answer = try worker().answer([#"{"unwanted":0}"#, "{}", #"{"broken":2}"#], .build)
            #expect(answer.verdicts[0] == .drop(reason: "unwanted") && answer.verdicts[1] == .drop(reason: "unwanted"))
            #expect(answer.verdicts[2].failureCode == "broken")
            #expect(answer.requests.isEmpty)
        }

        @Test func `A connector says of each event what an answer means`() throws {
            let said = try worker().classify([
                InputResponse(tag: 7, status: 200, body: Array("ok later never".utf8)[...]),
                InputResponse(tag: 8, status: 500, headers: [("x-silent", "1")], body: Array("ok".utf8)[...]),
                InputResponse(tag: 9, status: 0, transportError: 2, attempt: 4),
            ]).classifications
            #expect(said.map(\.response) == [0, 0, 0, 2])
            #expect(said.map(\.event) == [0, 1, 2, nil])
            #expect(said.map(\.verdict) == [.delivered, .retry, .permanent, .retry])
            #expect(said.map(\.retryAfterMilliseconds) == [nil, 3000, nil, nil])
            #expect(said.map(\.message) == ["", "not now", "200 7", "try 4"])
        }

        @Test func `An error falls on the whole batch in the connector's words`() throws {
            let answer = try worker().answer(Array(repeating: "{}", count: 7), .build)
            for verdict in answer.verdicts {
                #expect(verdict == .fail(code: "seven", message: "not seven", disposition: .retry(after: .seconds(1))))
            }
        }

        @Test func `An address that cannot be sent to is refused at once`() throws {
            let refused = #expect(throws: SDKWorker.Refused.self) {
                try unsafe SDKWorker(pairs, kind: LEAT_KIND_DEST_REQUEST, configuration: #"{"url":"ftp://a"}"#)
            }
            #expect(refused?.report.code == "bad_url")
        }

        @Test(arguments: [
            "ftp://a/", "https://", "https://:80/", "https://u@h/", "https://a b/", "https://ä.example/",
            "https://a/#b",
        ])
        func `The SDK and the server agree on bad addresses`(url: String) {
            #expect(Request.problem(withURL: url) != nil)
            #expect(RequestRules.problem(withURL: url) != nil)
        }

        @Test(arguments: ["https://example.com", "http://127.0.0.1:8080/in?x=y", "HTTPS://EXAMPLE.com/@a"])
        func `The SDK and the server agree on good addresses`(url: String) {
            #expect(Request.problem(withURL: url) == nil)
            #expect(RequestRules.problem(withURL: url) == nil)
        }
    }
}
