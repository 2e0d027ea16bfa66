import EventModel
import Testing

@testable import WorkerProtocol

@Suite struct RequestTests {
    private func send(_ requests: [PluginRequest], count: Int, also: (inout OutputArenaWriter) -> Void = { _ in })
        throws -> BatchAnswer
    {
        let arenas = ArenaPair(outputBytes: 1 << 20)
        let head = BatchHead.sample(.build)
        var writer = try arenas.begin(head, count: count)
        var bytes: [UInt8] = []
        for request in requests {
            RequestCoding.encode(request, into: &bytes)
            #expect(writer.request(bytes, indices: request.events.map(UInt32.init)) == .ok)
        }
        also(&writer)
        writer.finish(status: 0, runNanoseconds: 0)
        return try arenas.answer(head, Array(repeating: "{}", count: count))
    }

    @Test func `A request arrives as the connector built it`() throws {
        let request = PluginRequest(
            method: "PUT",
            url: "https://example.com/a?b=c",
            headers: [.init(name: "X-One", value: "1"), .init(name: "x-two", value: "ä ö")],
            body: Array(#"[{"a":1}]"#.utf8)[...],
            contentType: "application/json",
            authReference: "token",
            idempotencyKey: "k",
            orderingKey: "o",
            timeoutMilliseconds: 500,
            flags: 1,
            tag: 77,
            events: [0, 2]
        )
        let answer = try send([request], count: 3)
        #expect(answer.requests == [request])
        #expect(answer.verdicts == [.requested, .noVerdict, .requested])
    }

    @Test func `A request that carries a failed event is not sent`() throws {
        let one = PluginRequest(url: "http://a/", events: [0, 1])
        let two = PluginRequest(url: "http://a/", events: [1, 2])
        let three = PluginRequest(url: "http://a/", events: [3])
        let answer = try send([one, two, three], count: 4) { writer in _ = writer.fail(0, .permanent, "bad", "") }
        #expect(answer.requests == [three])
        #expect(answer.verdicts[0] == .fail(code: "bad", message: "", disposition: .bury))
        #expect(answer.verdicts[1] == .conflict)
        #expect(answer.verdicts[2] == .conflict)
        #expect(answer.verdicts[3] == .requested)
    }

    @Test(.timeLimit(.minutes(1))) func `A knot of requests is untied in one pass`() throws {
        let count = 4000
        let chain = (0..<count - 1).map { PluginRequest(url: "http://a/", events: [$0, $0 + 1]) }
        let answer = try send(chain, count: count) { writer in _ = writer.fail(3999, .permanent, "bad", "") }
        #expect(answer.requests.isEmpty)
        #expect(answer.verdicts.dropLast().allSatisfy { $0 == .conflict })
    }

    @Test func `A companion of an event that did not fit runs again with it`() throws {
        let arenas = ArenaPair(outputBytes: 16 * 1024)
        let head = BatchHead.sample(.build)
        var writer = try arenas.begin(head, count: 4)
        var bytes: [UInt8] = []
        RequestCoding.encode(PluginRequest(url: "http://a/", events: [0, 3]), into: &bytes)
        #expect(writer.request(bytes, indices: [0, 3]) == .ok)
        RequestCoding.encode(PluginRequest(url: "http://a/", events: [2]), into: &bytes)
        #expect(writer.request(bytes, indices: [2]) == .ok)
        let long = ArraySlice(repeating: UInt8(ascii: "x"), count: 20_000)
        RequestCoding.encode(PluginRequest(url: "http://a/", body: long, events: [0, 1]), into: &bytes)
        #expect(writer.request(bytes, indices: [0, 1]) == .limit)
        writer.finish(status: 0, runNanoseconds: 0)
        let answer = try arenas.answer(head, Array(repeating: "{}", count: 4))
        #expect(answer.outgrown == [0, 1, 3])
        #expect(answer.verdicts[2] == .requested)
        #expect(answer.requests.map(\.events) == [[2]])
    }

    @Test(arguments: [
        "ftp://a/", "https://", "https://:80/", "https://user@host/", "https://a/ b", "https://a/\r\nX: y", "//a/",
        "https://ä.example/", "https://a\\b/", "https://a/#b", "https://a:0/", "https://a:x/", "https://[::1/",
    ])
    func `An address that is not plain is refused`(url: String) {
        #expect(RequestRules.problem(withURL: url) != nil)
    }

    @Test(arguments: ["Host", "content-length", "Transfer-Encoding", "connection", "user-agent", "a b", "", "x:y"])
    func `A header that is the server's or is no token is refused`(name: String) {
        #expect(RequestRules.problem(withHeader: name, value: "x") != nil)
    }

    @Test func `A header cannot carry another`() {
        #expect(RequestRules.problem(withHeader: "x", value: "a\r\nHost: b") != nil)
        #expect(RequestRules.problem(withHeader: "x", value: "a\u{0}") != nil)
        #expect(RequestRules.problem(withHeader: "x", value: "a\tb") == nil)
    }
}
