import EventModel
import TestSupport
import Testing
import WorkerProtocol

@Suite struct BatchTests {
    private func transformation(_ definitions: String...) async throws -> WorkerInThread {
        let worker = try WorkerInThread()
        #expect(try await worker.load(PluginFixture.library("events")).kind == .ready)
        return worker
    }

    @Test func `Each event of a batch gets the verdict that the plugin gave`() async throws {
        let worker = try await transformation()
        let answer = try worker.answer([
            #"{"n":0}"#, #"{"do":"drop"}"#, #"{"do":"fail"}"#, #"{"do":"retry"}"#, #"{"do":"split"}"#,
            #"{"do":"silent"}"#, #"{"do":"reserve","n":6}"#, #"{"do":"conflict"}"#,
        ])
        #expect(answer.verdicts[0].texts == [#"{"n":0}"#])
        #expect(answer.verdicts[1] == .drop(reason: "asked for"))
        let failure = PluginVerdict.fail(code: "asked_for", message: "the event asked for it", disposition: .bury)
        #expect(answer.verdicts[2] == failure)
        let soon = Disposition.retry(after: .seconds(1))
        #expect(answer.verdicts[3] == .fail(code: "not_yet", message: "try again", disposition: soon))
        #expect(answer.verdicts[4].texts == [#"{"part":1}"#, #"{"part":2}"#])
        #expect(answer.verdicts[5].failureCode == "no_verdict")
        #expect(answer.verdicts[6].texts == [#"{"do":"reserve","n":6}"#])
        #expect(answer.verdicts[7].failureCode == "conflicting_verdict")
        #expect(answer.runNanoseconds > 0)
    }

    @Test func `A worker answers batch after batch`() async throws {
        let worker = try await transformation()
        for number in 0..<500 {
            let answer = try worker.answer([#"{"n":\#(number)}"#, #"{"do":"drop"}"#])
            #expect(answer.verdicts[0].texts == [#"{"n":\#(number)}"#])
        }
    }

    @Test func `An error for the batch falls on the events without a verdict, in the plugin's words`() async throws {
        let worker = try await transformation()
        let answer = try worker.answer([#"{"n":0}"#, #"{"do":"batch-retry"}"#])
        #expect(answer.status == -1)
        #expect(answer.verdicts[0].texts == [#"{"n":0}"#])
        let soon = Disposition.retry(after: .seconds(1))
        let message = "the table is not there yet"
        #expect(answer.verdicts[1] == .fail(code: "table_missing", message: message, disposition: soon))
    }

    @Test func `An event that becomes too many parts fails alone`() async throws {
        let worker = try await transformation()
        let answer = try worker.answer([#"{"do":"flood"}"#, #"{"n":1}"#])
        #expect(answer.verdicts[0].failureCode == "output_limit")
        #expect(answer.verdicts[1].texts == [#"{"n":1}"#])
    }

    @Test func `What another plugin wrote is checked before this one sees it`() async throws {
        let worker = try await transformation()
        let answer = try worker.answer([
            PluginEvent(json: Array(#"{"n":1}"#.utf8)[...], flags: .unverified),
            PluginEvent(json: Array(#"{"n":"#.utf8)[...], flags: .unverified),
            PluginEvent(json: Array("[1]".utf8)[...], flags: .unverified),
        ])
        #expect(answer.verdicts[0].texts == [#"{"n":1}"#])
        #expect(answer.verdicts[1].failureCode == "invalid_event")
        #expect(answer.verdicts[2].failureCode == "invalid_event")
    }

    @Test func `A log record of another thread arrives with the batch`() async throws {
        let worker = try await transformation()
        let answer = try worker.answer([#"{"do":"thread"}"#])
        #expect(answer.logs.map(\.message) == ["from another thread"])
    }

    @Test func `An arena can be replaced by a larger one`() async throws {
        let worker = try WorkerInThread(arenaBytes: 16 * 1024)
        #expect(try await worker.load(PluginFixture.library("events")).kind == .ready)
        let larger = try MappedFile(bytes: 1 << 20)
        worker.send(.replaceArena, code: WorkerSlot.outputArena.rawValue, file: larger.file)
        let head = worker.head(.transform)
        var writer = InputArenaWriter(try worker.input.memory(), head)
        let event = Array(#"{"n":1}"#.utf8)[...]
        let inputs = BatchInputs.events([PluginEvent(json: event)])
        let isTaken = writer.append(inputs)
        #expect(isTaken)
        writer.finish()
        try worker.ring()
        #expect(try unsafe OutputArenaReader.answer(larger.bytes, head, inputs).verdicts[0].texts == [#"{"n":1}"#])
    }

    @Test func `A connector's requests arrive as it built them`() async throws {
        let worker = try WorkerInThread()
        let url = "https://example.com/in"
        let configuration = #"{"url":"\#(url)"}"#
        let library = try await PluginFixture.library("connector")
        let ready = try worker.load(library, kind: PluginFixture.connectorKind, configuration: configuration)
        #expect(ready.kind == .ready)
        let event = PluginEvent(
            json: Array(#"{"n":1}"#.utf8)[...],
            idempotencyKey: Array("k-1".utf8)[...]
        )
        var dropped = event
        dropped.json = Array(#"{"do":"drop"}"#.utf8)[...]
        var wrong = event
        wrong.json = Array(#"{"do":"bad-url"}"#.utf8)[...]
        var crowded = event
        crowded.json = Array(#"{"do":"many-headers"}"#.utf8)[...]
        let answer = try worker.answer([event, dropped, wrong, crowded], .build)
        let request = PluginRequest(
            url: url,
            headers: [.init(name: "x-fixture", value: "k-1")],
            body: event.json,
            contentType: "application/json",
            idempotencyKey: "k-1",
            events: [0]
        )
        #expect(answer.requests == [request])
        #expect(answer.verdicts[0] == .requested)
        #expect(answer.verdicts[1] == .drop(reason: "asked for"))
        #expect(answer.verdicts[2].failureCode == "invalid_request")
        #expect(answer.verdicts[3].failureCode == "invalid_request")
    }

    @Test func `A connector that cannot read its configuration is not created`() async throws {
        let worker = try WorkerInThread()
        let answer = try await worker.load(PluginFixture.library("connector"), kind: PluginFixture.connectorKind)
        #expect(answer.code == WorkerFailure.createFailed.rawValue)
    }

    @Test func `A connector says what an answer means`() async throws {
        let worker = try WorkerInThread()
        let library = try await PluginFixture.library("connector")
        _ = try worker.load(library, kind: PluginFixture.connectorKind, configuration: #"{"url":"https://a/"}"#)
        let answer = try worker.classify([
            InputResponse(tag: 1, status: 200, body: Array("busy".utf8)[...]),
            InputResponse(tag: 2, status: 200, headers: [("x-a", "yes")], body: []),
            InputResponse(tag: 3, status: 200, headers: [("x-a", "b"), ("x-b", "c")], body: []),
        ])
        #expect(answer.classifications.map(\.verdict) == [.retry, .delivered, .permanent])
        #expect(answer.classifications.map(\.retryAfterMilliseconds) == [1500, nil, nil])
        #expect(answer.classifications[0].code == "seen")
    }
}
