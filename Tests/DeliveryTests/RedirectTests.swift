import Delivery
import EventModel
import TestSupport
import Testing

/// Where a redirect may lead a request, and with what.
@Suite struct RedirectTests {
    private static let following: Transport = {
        var settings = Transport.Settings()
        settings.followsRedirects = true
        return Transport(settings)
    }()

    private static let headers: [OutboundRequest.Header] = [
        .init(name: "Content-Type", value: "application/json"), .init(name: "Authorization", value: "Bearer secret-1"),
        .init(name: "X-Api-Key", value: "secret-2"), .init(name: "Cookie", value: "secret-3"),
    ]

    private func send(
        _ url: String,
        policy: TargetPolicy = .open,
        allowing: [String] = ["127.0.0.0/8"],
        lookup: @escaping Resolver.Lookup = { SystemLookup.ask($0) }
    ) async throws -> Sender.Exchange {
        try await withSender(allowing: allowing, lookup: lookup) { sender in
            let request = try request(
                to: url,
                headers: Self.headers,
                timeout: .seconds(10),
                policy: policy,
                transport: Self.following
            )
            return await sender.send(request, attempt: 1)
        }
    }

    @Test(arguments: [301, 302, 307, 308])
    func `A redirect to the same host takes method, body and headers along`(status: Int) async throws {
        try await RecordingServer.with { request in
            request.uri == "/old/hook?a=b" ? .answer(status, headers: [("Location", "../new?c=d#part")]) : .answer(200)
        } _: { (server) async throws in
            #expect(try await send(server.url + "/old/hook?a=b").answer == .delivered)
            let last = try #require(server.requests.last)
            #expect(
                server.requests.count == 2 && last.uri == "/new?c=d" && last.method == "POST"
                    && last.text == "{\"a\":1}"
            )
            #expect(last.header("authorization") == "Bearer secret-1" && last.header("idempotency-key") == "0123")
        }
    }

    @Test func `Who shows a client certificate is not led to another host with it`() async throws {
        let authority = try await TestAuthority.make()
        let client = try await authority.issue(["DNS:leat.test"])
        var settings = Transport.Settings()
        settings.followsRedirects = true
        settings.clientCertificate = client.certificate
        settings.clientKey = client.key
        let showing = Transport(settings)
        try await RecordingServer.with { (other) async throws in
            try await RecordingServer.with { request in
                let target = request.uri == "/near" ? "/done" : other.url
                return request.uri == "/done" ? .answer(200) : .answer(307, headers: [("Location", target)])
            } _: { (server) async throws in
                try await withSender { sender in
                    let near = try request(to: server.url + "/near", transport: showing)
                    #expect(await sender.send(near, attempt: 1).answer == .delivered)
                    let far = await sender.send(try request(to: server.url + "/far", transport: showing), attempt: 1)
                    #expect(far.attempt.result == .status(307) && far.attempt.text.contains("has a client certificate"))
                    #expect(other.requests.isEmpty)
                }
            }
        }
    }

    @Test func `303 says that it was taken, and where to read about it`() async throws {
        try await RecordingServer.with { request in
            request.uri == "/" ? .answer(303, headers: [("Location", "/done")]) : .answer(200)
        } _: { (server) async throws in
            #expect(try await send(server.url).answer == .delivered)
            let last = try #require(server.requests.last)
            #expect(
                last.method == "GET" && last.uri == "/done" && last.body.isEmpty && last.header("content-type") == nil
            )
        }
    }

    @Test func `No credential goes to another host`() async throws {
        try await RecordingServer.with { (other) async throws in
            try await RecordingServer.with { _ in
                .answer(307, headers: [("Location", other.url + "/taken")])
            } _: { (server) async throws in
                let exchange = try await send(server.url)
                #expect(exchange.answer == .delivered)
                #expect(server.requests.first?.header("x-api-key") == "secret-2")
            }
            let taken = try #require(other.requests.first)
            #expect(
                taken.method == "POST" && taken.text == "{\"a\":1}"
                    && taken.header("content-type") == "application/json"
            )
            #expect(taken.header("idempotency-key") == "0123" && taken.header("traceparent") != nil)
            #expect(!taken.headers.contains { $0.value.contains("secret") })
        }
    }

    /// Leads every name to another address of this machine.
    private static let near: Resolver.Lookup = { _ in .addresses([IPAddress("127.0.0.2")].compactMap(\.self)) }

    @Test func `A redirect into a range that is not allowed is not followed`() async throws {
        try await RecordingServer.with { (other) async throws in
            for place in [
                "http://127.0.0.2:\(other.port)/", "http://near.test:\(other.port)/", "http://[::1]:\(other.port)/",
            ] {
                try await RecordingServer.with { _ in
                    .answer(302, headers: [("Location", place)])
                } _: { (server) async throws in
                    let exchange = try await send(server.url, allowing: ["127.0.0.1"], lookup: Self.near)
                    #expect(exchange.attempt.result == .fault(.targetPrivate) && exchange.answer == .retry(after: nil))
                }
            }
        }
    }

    @Test func `A redirect beyond what the manifest permits is not followed, and says so`() async throws {
        try await RecordingServer.with { (other) async throws in
            try await RecordingServer.with { _ in
                .answer(302, headers: [("Location", other.url)], body: "gone")
            } _: { (server) async throws in
                let policy = TargetPolicy(
                    allowed: [TargetPolicy.Pattern("http://127.0.0.1:\(server.port)/")].compactMap(\.self)
                )
                let exchange = try await send(server.url, policy: policy)
                #expect(exchange.attempt.result == .status(302) && exchange.answer == .refused(divisible: false))
                #expect(
                    exchange.attempt.text
                        == "The redirect was not followed: the plugin's manifest does not permit requests to 127.0.0.1. gone"
                )
            }
            #expect(other.requests.isEmpty)
        }
    }

    @Test func `A circle of redirects ends`() async throws {
        try await RecordingServer.with { _ in
            .answer(308, headers: [("Location", "/again")])
        } _: { (server) async throws in
            let exchange = try await send(server.url)
            #expect(exchange.attempt.result == .status(308) && exchange.attempt.text.contains("more than 5 in a row"))
            #expect(server.requests.count == 6)
        }
    }

    @Test(arguments: ["ftp://x/", "http://user@x/", "javascript:alert(1)", "http://127.1/", "", "http:///", "//"])
    func `A Location that is no address is not followed`(location: String) async throws {
        try await RecordingServer.with { _ in
            .answer(302, headers: [("Location", location)])
        } _: { (server) async throws in
            let exchange = try await send(server.url)
            #expect(exchange.attempt.result == .status(302))
            #expect(exchange.attempt.text.hasPrefix("The redirect was not followed: its Location is no address"))
        }
    }

    @Test func `The time of a request holds for all its redirects together`() async throws {
        let script: MisbehavingServer.Script = { request in
            request.number < 3 ? [.pause(milliseconds: 200), .answer(307, [("Location", "/next")])] : []
        }
        try await MisbehavingServer.with(script) { (server) async throws in
            try await withSender { sender in
                let start = ContinuousClock.now
                let one = try request(to: server.url, timeout: .seconds(1), transport: Self.following)
                #expect(await sender.send(one, attempt: 1).attempt.result == .fault(.timeout))
                #expect(ContinuousClock.now - start < .seconds(8) && server.requests.count <= 4)
            }
        }
    }

    @Test(
        arguments: [
            ("https://a.test/x/y?q", "/z", "https://a.test/z"), ("https://a.test/x/y?q", "z", "https://a.test/x/z"),
            ("https://a.test/x/y?q", "?r", "https://a.test/x/y?r"),
            ("https://a.test/x/y", "//b.test/z", "https://b.test/z"),
            ("https://a.test/x/y", "http://b.test", "http://b.test/"),
            ("https://a.test:8/x", "./../../z", "https://a.test:8/z"),
            ("https://a.test/x/", "y/./z/..", "https://a.test/x/y/"),
            ("https://a.test/x", "/p?u=http://c/", "https://a.test/p?u=http://c/"),
            ("http://[::1]/x", "y#z", "http://[::1]/y"),
        ]
    )
    func `A Location is read as the standard says`(base: String, location: String, target: String) throws {
        #expect(try TargetAddress(base).resolving(location)?.url == target)
    }
}
