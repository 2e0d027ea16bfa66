import CLeatPlugin
import EventModel
import LeatSDK
import TestSupport
import Testing
import WorkerProtocol

/// Does what the event's own `do` says, with every verb that an author has.
private struct Obedient: Transformation {
    let suffix: String
    let seen: Metric

    init(configuration: Configuration) throws {
        seen = try Metric.counter(configuration.string("metric") ?? "seen", unit: "events")
        suffix = configuration.string("suffix") ?? "!"
        if configuration.bool("refuse") == true { throw Failure(.retry, code: "not_now", message: "come back later") }
        Log.info("Made", ["suffix": .string(suffix), "n": 1])
    }

    mutating func transform(_ event: inout Event) throws -> Verdict {
        switch event.string("do") {
        case "drop": return .drop("asked for")
        case "fetch": try fetch(&event)
        case "count": seen.record(Host.isInstanceThread ? 2 : 1_000)
        case "fail": throw Failure(.retry, code: "not_yet", message: "later")
        case "throw": throw CancellationError()
        case "mask": try mask(&event)
        case "shape": try shape(&event)
        case "split": return try split(&event)
        case "nothing": return .split
        case "through": event["do.deeper"] = 1
        case "facts": facts(&event)
        case "read": read(&event)
        default: break
        }
        return .keep
    }

    private func fetch(_ event: inout Event) throws {
        let base = "https://example.com/"
        var requests = ["a", "missing"].map { Request(.get, url: base + $0) }
        requests[0].headers = [("X-Word", try Host.word(forSecret: event.string("secret") ?? "token"))]
        requests[0].body = Array("long".utf8)
        let answers = try Host.fetch(requests)
        event["status"] = .int(Int64(answers[0].status))
        event["says"] = .string(String(decoding: answers[0].body, as: UTF8.self))
        event["type"] = .string(answers[0].header("content-type") ?? "")
        event["cut"] = .bool(answers[0].isCut && !answers[1].isCut)
        event["problem"] = .string(answers[1].problem)
        event["one"] = .int(Int64(try Host.fetch(Request(.get, url: base)).status))
    }

    private func mask(_ event: inout Event) throws {
        event["traits.email"] = .string("x" + suffix)
        // Untouched places are read as they were, touched ones as they are now.
        event["seen"] = event["name"]
        event["again"] = event["traits.email"]
    }

    private func shape(_ event: inout Event) throws {
        try event.rename("a", to: "b")
        try event.move("from.here", to: "to.there")
        try event.append("z", to: "list")
        try event.remove("gone")
        event["also"] = nil
        event["number"] = 1.5
    }

    private func split(_ event: inout Event) throws -> Verdict {
        for index in 0..<event.count("items") {
            try event.emit { part in
                try part.copy(Path("items[\(index)]"), to: "item")
                try part.remove("items")
            }
        }
        return .split
    }

    private func facts(_ event: inout Event) {
        event["id"] = .string(event.id)
        event["key"] = .string(event.idempotencyKey)
        event["at"] = .int(event.receivedNanoseconds)
        event["try"] = .int(Int64(event.attempt))
        event["place"] = .int(event.partition * 10 + event.offset)
        event["wall"] = .int(Host.wallNanoseconds)
        event["hurry"] = .bool(Host.remaining < .seconds(1))
    }

    private func read(_ event: inout Event) {
        let isRight =
            event.int("i") == 7 && event.double("d") == 1.25 && event.bool("b") == true && event.string("s") == "é\n"
            && event.kind("n") == .null && event["n"] == .null && event["missing"] == nil && event.count("l") == 2
            && event.names("o") == ["x", "y"] && event.equals("s", "é\n") && event["l"] == .json(Array("[1, 2]".utf8))
            && event.withUTF8("s", { $0.count }) == 3 && event["i"] == 7 && event["d"] == 1.25
        event["isRight"] = .bool(isRight)
    }
}

private let obedient: leat_plugin_entry_v1_t = { host in
    unsafe Plugin.export(Obedient.self, id: "test.sdk", version: "1.0.0", to: UnsafeRawPointer(host))?
        .assumingMemoryBound(to: leat_plugin_v1.self)
}

extension SDKTests {
    @Suite struct TransformationTests {
        private func run(_ text: String, configuration: String = "{}") throws -> PluginVerdict {
            let worker = try unsafe SDKWorker(obedient, kind: LEAT_KIND_TRANSFORM, configuration: configuration)
            return try #require(try worker.answer([text]).verdicts.first)
        }

        @Test func `An event that is not touched comes back byte for byte`() throws {
            let text = #" {"b": 1.50e0, "b":2 ,"big":123456789012345678901234567890} "#
            #expect(try run(text).texts == [text])
        }

        @Test func `What is changed is changed and nothing else`() throws {
            let text = #"{"do":"mask", "name" : "Ada","traits":{"email":"a@b", "n":1.0}}"#
            let expected =
                #"{"do":"mask", "name" : "Ada","traits":{"email":"x?", "n":1.0},"seen":"Ada","again":"x?"}"#
            #expect(try run(text, configuration: #"{"suffix":"?"}"#).texts == [expected])
        }

        @Test func `Names, places and lists can be changed`() throws {
            let text = #"{"do":"shape","a":1,"from":{"here":[1, 2]},"list":["y"],"gone":0,"also":0,"number":0}"#
            let expected =
                #"{"do":"shape","b":1,"from":{},"list":["y","z"],"number":1.5,"to":{"there":[1, 2]}}"#
            #expect(try run(text).texts == [expected])
        }

        @Test func `Values are read as what they are`() throws {
            let text = #"{"do":"read","i":7,"d":1.25,"b":true,"s":"\u00e9\n","n":null,"l":[1, 2],"o":{"x":1,"y":2}}"#
            #expect(try run(text).texts == [text.dropLast() + #","isRight":true}"#])
        }

        @Test func `An event becomes the parts that were emitted`() throws {
            let verdict = try run(#"{"do":"split","items":[{"n":1},{"n":2}]}"#)
            #expect(verdict.texts == [#"{"do":"split","item":{"n":1}}"#, #"{"do":"split","item":{"n":2}}"#])
            #expect(try run(#"{"do":"split","items":[]}"#) == .drop(reason: "split into no parts"))
            #expect(try run(#"{"do":"nothing"}"#) == .drop(reason: "split into no parts"))
        }

        @Test func `Dropping and failing are said in words`() throws {
            #expect(try run(#"{"do":"drop"}"#) == .drop(reason: "asked for"))
            let soon = Disposition.retry(after: .seconds(1))
            #expect(try run(#"{"do":"fail"}"#) == .fail(code: "not_yet", message: "later", disposition: soon))
            #expect(try run(#"{"do":"throw"}"#).failureCode == "error")
            #expect(try run(#"{"do":"through"}"#).failureCode == "bad_path")
        }

        @Test func `An author sees an event's facts`() throws {
            let facts = #","id":"message-0","key":"key-0","at":5000,"try":2,"place":90,"wall":77,"hurry":false}"#
            #expect(try run(#"{"do":"facts"}"#).texts == [#"{"do":"facts""# + facts])
        }

        @Test func `One event's failure leaves the others of its batch alone`() throws {
            let worker = try unsafe SDKWorker(obedient, kind: LEAT_KIND_TRANSFORM)
            for _ in 0..<3 {
                let texts = (0..<50).map { $0 % 5 == 0 ? #"{"do":"fail"}"# : #"{"do":"mask","n":\#($0)}"# }
                let verdicts = try worker.answer(texts).verdicts
                for (number, verdict) in verdicts.enumerated() {
                    #expect((verdict.failureCode != nil) == (number % 5 == 0))
                }
            }
        }

        @Test func `A metric of the plugin's own comes with the answer`() throws {
            let worker = try unsafe SDKWorker(obedient, kind: LEAT_KIND_TRANSFORM)
            let metrics = try worker.answer([#"{"do":"count"}"#, #"{"do":"count"}"#]).metrics
            #expect(metrics == [ReportedMetric(.counter, name: "seen", unit: "events", value: 4)])
            let refused = #expect(throws: SDKWorker.Refused.self) {
                try unsafe SDKWorker(obedient, kind: LEAT_KIND_TRANSFORM, configuration: #"{"metric":"Bad name"}"#)
            }
            #expect(refused?.report.code == "bad_metric")
            #expect(refused?.report.message.contains("Bad name") == true)
        }

        @Test func `An author fetches what is asked for, and is told why it is not to be had`() throws {
            let host = try AnsweringHost()
            let worker = try unsafe SDKWorker(obedient, kind: LEAT_KIND_TRANSFORM, host: host)
            let told = try worker.answer([#"{"do":"fetch"}"#, #"{"do":"fetch","secret":"other"}"#]).verdicts
            let expected = #""status":200,"says":"GET https://example.com/a","type":"text/plain","cut":true,"#
            let problem = #""problem":"GET https://example.com/missing","one":200"#
            #expect(told[0].texts == [#"{"do":"fetch","# + expected + problem + "}"])
            #expect(told[1].failureCode == "fetch_denied")
            guard case .fetch(let requests) = host.calls[1] else {
                Issue.record("\(host.calls)")
                return
            }
            #expect(requests[0].headers == [.init(name: "X-Word", value: "word-of-token")])
            #expect(requests[0].body == Array("long".utf8)[...] && requests[1].url.hasSuffix("/missing"))
        }

        @Test func `Who has no host to ask is told so`() throws {
            #expect(try run(#"{"do":"fetch"}"#).failureCode == "fetch_denied")
        }

        @Test func `A refused configuration says why and whether it can be tried again`() throws {
            let refused = #expect(throws: SDKWorker.Refused.self) { try run("{}", configuration: #"{"refuse":true}"#) }
            #expect(refused?.report.code == "not_now")
            #expect(refused?.report.message == "come back later")
            #expect(refused?.text == "create returned -1")
        }

        @Test func `A configuration is read by path`() throws {
            let text = #"{"a":{"b":"c"},"l":["x","y"],"m":{"k":"v"},"i":3,"t":true,"mixed":["x",1]}"#
            let configuration = try Configuration(json: text)
            #expect(try configuration.required("a.b") == "c")
            #expect(configuration.strings("l") == ["x", "y"] && configuration.strings("mixed") == nil)
            #expect(configuration.texts("m")?.first?.name == "k" && configuration.texts("l") == nil)
            #expect(configuration.int("i") == 3 && configuration.bool("t") == true)
            let failure = #expect(throws: Failure.self) { try configuration.required("a.z") }
            #expect(failure?.message == #"the configuration has no text "a.z""#)
            #expect(throws: Failure.self) { try Configuration(json: "[1]") }
            #expect(throws: Failure.self) { try Configuration(json: "{") }
        }
    }
}

/// One plugin at a time: the SDK keeps what a process has once.
@Suite(.serialized) struct SDKTests {}
