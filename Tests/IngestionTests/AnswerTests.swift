import EventLog
import EventModel
import Foundation
import Testing

@testable import Ingestion

@Suite struct AnswerTests {
    @Test(.timeLimit(.minutes(1))) func `Every call of the SDKs is answered 200 and kept`() async throws {
        try await RunningIngestion.with { server in
            let calls = ["track", "identify", "page", "screen", "group", "t", "i", "p", "s", "g"]
            for path in calls + calls.map({ $0 + "/" }) {
                let reply = try await server.post("/v1/\(path)", #"{"userId":"u"}"#)
                #expect(reply.status == 200 && reply.body == "OK", "\(path): \(reply.body)")
            }
            for path in ["alias", "a", "alias/"] {
                #expect(try await server.post("/v1/\(path)", #"{"userId":"u","previousId":"p"}"#).status == 200)
            }
            for path in ["merge", "m"] {
                let merge = #"{"mergeProperties":[{"type":"email","value":"e"},{"type":"id","value":"1"}]}"#
                #expect(try await server.post("/v1/\(path)", merge).status == 200)
            }
            for path in ["batch", "batch/", "b", "import", "import/"] {
                let reply = try await server.post("/v1/\(path)", #"{"batch":[{"type":"track","userId":"u"}]}"#)
                #expect(reply.status == 200, "\(path): \(reply.body)")
            }
            #expect(server.log.objects.count == 30)
            #expect(Set(server.log.objects.compactMap { $0["type"] as? String }).count == 7)
            #expect(server.log.objects.allSatisfy { $0["request_ip"] as? String == "127.0.0.1" })
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [(false, "127.0.0.1"), (true, "203.0.113.9")])
    func `What a proxy says of the sender counts only where proxies are trusted`(trusts: Bool, ip: String)
        async throws
    {
        var settings = IngestionSettings()
        settings.trustsForwardedFor = trusts
        try await RunningIngestion.with(settings: settings) { server in
            let proxy = ["X-Forwarded-For": "203.0.113.9, 198.51.100.7"]
            #expect(try await server.post("/v1/track", #"{"userId":"u"}"#, headers: proxy).status == 200)
            let kept = try #require(server.log.objects.first)
            #expect(kept["request_ip"] as? String == ip)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `The write key may stand in the header, the query or the body`() async throws {
        try await RunningIngestion.with { server in
            let event = #"{"userId":"u"}"#
            #expect(try await server.post("/v1/track", event).status == 200)
            #expect(try await server.post("/v1/track?writeKey=WRITE_KEY", event, key: nil).status == 200)
            let within = #"{"userId":"u","writeKey":"WRITE_KEY"}"#
            #expect(
                try await server.post("/v1/t", within, key: nil, headers: ["Content-Type": "text/plain"]).status == 200
            )
            let batch = #"{"writeKey":"WRITE_KEY","batch":[{"type":"page","userId":"u"}]}"#
            #expect(try await server.post("/v1/batch", batch, key: nil).status == 200)
            let bearer = ["Authorization": "Bearer x"]
            #expect(try await server.post("/v1/batch", batch, key: nil, headers: bearer).status == 200)
            #expect(!server.log.events.values.joined().contains { $0.contains("WRITE_KEY") })

            for (path, key, code) in [
                ("/v1/track", "WRONG", "write_key_invalid"), ("/v1/track", nil, "write_key_missing"),
                ("/v1/track?writeKey=WRONG", nil, "write_key_invalid"),
                ("/beacon/v1/batch", nil, "write_key_missing"),
            ] {
                let reply = try await server.post(path, event, key: key)
                #expect(reply.status == 401)
                #expect(reply.body.contains(code), "\(reply.body)")
            }
            #expect(try await server.post("/v1/track", event, key: "OLD_KEY").status == 404)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `An error is an object with code and message`() async throws {
        try await RunningIngestion.with { server in
            for (path, body, status, code) in [
                ("/v1/track", "", 400, "body_empty"), ("/v1/track", "{", 400, "json_invalid"),
                ("/v1/track", "[]", 400, "event_invalid"), ("/v1/batch", "{}", 400, "event_invalid"),
                ("/v1/batch", #"{"batch":[]}"#, 400, "batch_empty"),
                ("/v1/track", "{}", 400, "identity_missing"),
                ("/v1/batch", #"{"batch":[{"type":"track"}]}"#, 400, "identity_missing"),
                ("/v1/nothing", "{}", 404, "not_found"),
                ("/v1/track", #"{"userId":"\#(String(repeating: "u", count: 40_000))"}"#, 413, "event_too_large"),
            ] {
                let reply = try await server.post(path, body)
                #expect(reply.status == status, "\(path) \(body.prefix(40)): \(reply.body)")
                let object = try #require(JSONSerialization.jsonObject(with: Data(reply.body.utf8)) as? [String: Any])
                #expect(object["code"] as? String == code)
                #expect((object["message"] as? String)?.isEmpty == false)
                #expect(reply["content-type"] == "application/json; charset=utf-8")
            }
            let wrong = try await server.send("GET", "/v1/track")
            #expect(wrong.status == 405 && wrong["allow"] == "POST, OPTIONS")
            #expect(try await server.post("/sourceConfig", "{}").status == 405)
            #expect(server.log.events.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `In a batch the valid events are kept and the others named`() async throws {
        try await RunningIngestion.with { server in
            let reply = try await server.post(
                "/v1/batch",
                #"{"batch":[{"type":"track","userId":"u","event":"A"},7,{"type":"track"},{"type":"page","userId":"u"}]}"#
            )
            #expect(reply.status == 200)
            let object = try #require(JSONSerialization.jsonObject(with: Data(reply.body.utf8)) as? [String: Any])
            #expect(object["accepted"] as? Int == 2 && object["refused"] as? Int == 2)
            let errors = try #require(object["errors"] as? [[String: Any]])
            #expect(errors.map { $0["index"] as? Int } == [1, 2])
            #expect(errors.map { $0["code"] as? String } == ["event_not_an_object", "identity_missing"])
            #expect(server.log.objects.count == 2)

            let taken = try #require(server.ingestion.refused.flush(at: 0))
            #expect(taken.counts.map(\.events) == [1, 1])
            #expect(taken.samples.map { String(decoding: $0.sample, as: UTF8.self) } == ["7", #"{"type":"track"}"#])
            server.ingestion.refused.settled(taken)
            #expect(server.ingestion.refused.flush(at: 0) == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A picture is answered whatever happens`() async throws {
        try await RunningIngestion.with { server in
            for query in [
                "writeKey=WRITE_KEY&anonymousId=%22a%22&event=Opened&properties.mail.id=7&properties.mail.kind=x%26y",
                "writeKey=WRONG&userId=u", "userId=u", "writeKey=WRITE_KEY",
            ] {
                let reply = try await server.send("GET", "/pixel/v1/track?\(query)", key: nil)
                #expect(
                    reply.status == 200 && reply["content-type"] == "image/gif" && reply["cache-control"] == "no-store"
                )
            }
            _ = try await server.send("GET", "/pixel/v1/page/?writeKey=WRITE_KEY&userId=u&name=", key: nil)
            let track = try #require(server.log.objects.first { $0["type"] as? String == "track" })
            #expect(track["anonymousId"] as? String == "a" && track["event"] as? String == "Opened")
            let mail = (track["properties"] as? [String: Any])?["mail"] as? [String: String]
            #expect(mail == ["id": "7", "kind": "x&y"])
            #expect(server.log.objects.first { $0["type"] as? String == "page" }?["name"] as? String == "Unknown Page")
            #expect(server.log.objects.count == 2)
            let head = try await server.send("HEAD", "/pixel/v1/page?writeKey=WRITE_KEY&userId=u", key: nil)
            #expect(head.status == 200 && head.body.isEmpty && head["content-length"] == "43")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A browser SDK gets the configuration that makes it start`() async throws {
        try await RunningIngestion.with { server in
            let rudder = try await server.send("GET", "/sourceConfig/?p=npm&v=3&writeKey=WRITE_KEY", key: nil)
            #expect(rudder.status == 200)
            let configuration = try #require(
                JSONSerialization.jsonObject(with: Data(rudder.body.utf8)) as? [String: Any]
            )
            let source = try #require(configuration["source"] as? [String: Any])
            #expect(source["enabled"] as? Bool == true && source["writeKey"] as? String == "WRITE_KEY")
            #expect((source["destinations"] as? [Any])?.isEmpty == true)
            #expect(try await server.send("GET", "/sourceConfig", key: "WRONG").status == 401)

            let segment = try await server.send("GET", "/v1/projects/WRITE_KEY/settings", key: nil)
            let settings = try #require(JSONSerialization.jsonObject(with: Data(segment.body.utf8)) as? [String: Any])
            let ours = try #require((settings["integrations"] as? [String: [String: Any]])?["Segment.io"])
            #expect(
                ours["apiHost"] as? String == "127.0.0.1:\(server.port)/v1" && ours["protocol"] as? String == "http"
            )
            #expect(try await server.send("GET", "/v1/projects/WRONG/settings", key: nil).status == 401)
            #expect(try await server.post("/v1/m", #"{"series":[]}"#, key: nil).body == "OK")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Pages of any origin may send`() async throws {
        try await RunningIngestion.with { server in
            let preflight = try await server.send(
                "OPTIONS",
                "/v1/track",
                key: nil,
                headers: [
                    "Origin": "https://shop.test", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,content-type,anonymousid",
                ]
            )
            #expect(preflight.status == 204)
            #expect(preflight["access-control-allow-origin"] == "https://shop.test")
            #expect(preflight["access-control-allow-credentials"] == "true")
            #expect(preflight["access-control-allow-headers"] == "authorization,content-type,anonymousid")
            #expect(preflight["access-control-allow-methods"] == "POST, OPTIONS")
            #expect(preflight["access-control-max-age"] == "900")
            for (key, status) in [(RunningIngestion.writeKey, 200), ("WRONG", 401)] {
                let reply = try await server.post(
                    "/v1/track",
                    #"{"userId":"u"}"#,
                    key: key,
                    headers: ["Origin": "https://shop.test"]
                )
                #expect(reply.status == status && reply["access-control-allow-origin"] == "https://shop.test")
                #expect(reply["vary"] == "Origin")
            }
            #expect(try await server.post("/v1/track", "{}")["access-control-allow-origin"] == nil)
        }
    }
}
