import EventModel
import Foundation
import TestSupport
import Testing
import WorkerProtocol

/// The plugins that ship and the examples, as the files that a user uploads.
@Suite struct ShippedPluginTests {
    /// The library of a product, which is built beside the tests.
    private func product(_ name: String) throws -> URL {
        let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let library = tests.deletingLastPathComponent().appending(path: "lib\(name).so")
        return try #require(FileManager.default.fileExists(atPath: library.path) ? library : nil, "\(library.path)")
    }

    private func webhook(_ configuration: String) throws -> (WorkerInThread, ControlMessage) {
        let worker = try WorkerInThread()
        let request = LoadRequest(
            pluginID: "leat.webhook",
            pluginVersion: "1.0.0",
            instanceID: "test",
            configuration: Array(configuration.utf8)[...],
            hostVersion: "0.0.0",
            kinds: PluginFixture.connectorKind,
            kind: UInt32(PluginFixture.connectorKind)
        )
        return (worker, try worker.load(product("Webhook"), request))
    }

    private func events(_ count: Int) -> [PluginEvent] {
        (0..<count).map { number in
            PluginEvent(json: Array(#"{"n":\#(number)}"#.utf8)[...], idempotencyKey: Array("key-\(number)".utf8)[...])
        }
    }

    @Test func `The webhook sends one event as an object, with the event's key`() throws {
        let configuration = #"{"url":"https://example.com/in","headers":{"X-Team":"growth"},"timeout_ms":500}"#
        let (worker, ready) = try webhook(configuration)
        #expect(ready.kind == .ready)
        let answer = try worker.answer(events(2), .build)
        #expect(answer.verdicts == [.requested, .requested])
        let request = PluginRequest(
            url: "https://example.com/in",
            headers: [.init(name: "X-Team", value: "growth")],
            body: Array(#"{"n":1}"#.utf8)[...],
            contentType: "application/json",
            idempotencyKey: "key-1",
            timeoutMilliseconds: 500,
            events: [1]
        )
        #expect(answer.requests.last == request)
    }

    @Test func `The webhook sends several events as an array`() throws {
        let (worker, ready) = try webhook(#"{"url":"http://127.0.0.1:8080/","method":"PUT","batch":3}"#)
        #expect(ready.kind == .ready)
        let answer = try worker.answer(events(5), .build)
        #expect(answer.requests.map(\.events) == [[0, 1, 2], [3, 4]])
        #expect(answer.requests.map(\.method) == ["PUT", "PUT"])
        #expect(
            answer.requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                #"[{"n":0},{"n":1},{"n":2}]"#, #"[{"n":3},{"n":4}]"#,
            ]
        )
        #expect(answer.requests.allSatisfy { $0.idempotencyKey.isEmpty })
    }

    @Test(arguments: [
        ("{}", #"the configuration has no text "url""#),
        (#"{"url":"ftp://a/"}"#, #""url" cannot be used: the URL does not begin with https:// or http://"#),
        (#"{"url":"https://a/","method":"GET"}"#, #""method" cannot be used: it is not POST, PUT or PATCH"#),
        (#"{"url":"https://a/","batch":0}"#, #""batch" cannot be used: it is not a whole number from 1 to 1000"#),
        (#"{"url":"https://a/","batch":"2"}"#, #""batch" cannot be used: it is not a whole number from 1 to 1000"#),
        (
            #"{"url":"https://a/","headers":{"Host":"b"}}"#,
            #""headers" cannot be used: a header is the server's to set: Host"#
        ),
        (#"{"url":"https://a/","headers":["a"]}"#, #""headers" cannot be used: it is not an object of texts"#),
    ])
    func `The webhook says what is wrong with its configuration`(configuration: String, words: String) throws {
        let (worker, answer) = try webhook(configuration)
        #expect(answer.code == WorkerFailure.createFailed.rawValue)
        #expect(Int64(bitPattern: answer.values[0]) == -2)
        let report = try worker.loadReport()
        #expect(report.code == "bad_configuration")
        #expect(report.message == words)
    }

    @Test func `The example in C drops what crawlers send`() async throws {
        let worker = try WorkerInThread()
        let request = LoadRequest(
            pluginID: "com.example.drop-bots",
            pluginVersion: "1.0.0",
            instanceID: "test",
            configuration: Array("{}".utf8)[...],
            hostVersion: "0.0.0",
            kinds: PluginFixture.transformKind,
            kind: UInt32(PluginFixture.transformKind)
        )
        #expect(try await worker.load(PluginFixture.example("c-drop-bots/drop_bots.c"), request).kind == .ready)
        let agents = [
            #"{"context":{"userAgent":"Mozilla/5.0 (compatible; GoogleBot/2.1)"}}"#,
            #"{"type":"track","context":{"page":{"a":[1,{"b":"}"}]},"userAgent":"a Web CRAWLER"}}"#,
            #"{"context":{"userAgent":"Mozilla/5.0 (X11; Linux x86_64)"}}"#,
            #"{"userAgent":"bot","context":{"userAgents":"bot"}}"#,
            #"{"context":{"userAgent":null}}"#, #"{"context":"bot"}"#, "{}",
        ]
        let verdicts = try worker.answer(agents).verdicts
        #expect(verdicts[0] == .drop(reason: "bot") && verdicts[1] == .drop(reason: "bot"))
        for index in 2..<agents.count { #expect(verdicts[index].texts == [agents[index]]) }
    }
}
