import Delivery
import EventModel
import TestSupport
import Testing

/// TLS, HTTP/2, proxies and compression, each against a server that insists on it.
@Suite struct TransportTests {
    private func transport(_ change: (inout Transport.Settings) -> Void) -> Transport {
        var settings = Transport.Settings()
        change(&settings)
        return Transport(settings)
    }

    private func send(
        to url: String,
        by transport: Transport,
        body: String = "{}",
        headers: [OutboundRequest.Header] = []
    ) async throws -> Sender.Exchange {
        try await withSender(lookup: { _ in .addresses([IPAddress("127.0.0.1")].compactMap(\.self)) }) { sender in
            let request = try request(
                to: url,
                headers: headers,
                body: body,
                timeout: .seconds(20),
                transport: transport
            )
            return await sender.send(request, attempt: 1)
        }
    }

    @Test func `A certificate is believed only from whom the destination trusts, for its host, and in its time`()
        async throws
    {
        let (authority, other) = (try await TestAuthority.make(), try await TestAuthority.make())
        let good = try await authority.issue(["DNS:example.test", "DNS:*.wide.test"])
        let here = try await authority.issue(["IP:127.0.0.1"])
        let expired = try await authority.issue(["DNS:example.test"], days: -1)
        let trusting = transport { $0.certificateAuthority = authority.certificate }
        try await MisbehavingServer.with(tls: good.server()) { _ in
            [.answer(200)]
        } _: { (server) async throws in
            let url = "https://example.test:\(server.port)/"
            #expect(try await send(to: url, by: trusting).answer == .delivered)
            #expect(try await send(to: "https://a.wide.test:\(server.port)/", by: trusting).answer == .delivered)
            for (url, transport) in [
                (url, Transport.standard), (url, self.transport { $0.certificateAuthority = other.certificate }),
                ("https://another.test:\(server.port)/", trusting), ("https://wide.test:\(server.port)/", trusting),
                ("https://a.b.wide.test:\(server.port)/", trusting), (server.url, trusting),
            ] {
                let exchange = try await send(to: url, by: transport)
                #expect(exchange.attempt.result == .fault(.certificate), "\(url): \(exchange.attempt)")
                #expect(exchange.answer == .retry(after: nil))
            }
            #expect(server.requests.count == 2 && server.requests[0].header("host") == "example.test:\(server.port)")
        }
        try await MisbehavingServer.with(tls: here.server()) { _ in
            [.answer(200)]
        } _: { (server) async throws in
            #expect(try await send(to: server.url, by: trusting).answer == .delivered)
            // That it is this address's proves nothing of a name that leads here.
            let exchange = try await send(to: "https://example.test:\(server.port)/", by: trusting)
            #expect(exchange.attempt.result == .fault(.certificate) && server.requests.count == 1)
        }
        try await MisbehavingServer.with(tls: expired.server()) { _ in
            [.answer(200)]
        } _: { (server) async throws in
            let exchange = try await send(to: "https://example.test:\(server.port)/", by: trusting)
            #expect(exchange.attempt.result == .fault(.certificate) && server.requests.isEmpty)
        }
    }

    @Test func `A server that speaks no TLS is a failure of TLS`() async throws {
        try await MisbehavingServer.with { _ in
            [.answer(200)]
        } _: { (server) async throws in
            try await withSender { sender in
                // It waits for the end of a request that never comes, so it ends with the time.
                let request = try request(to: "https://127.0.0.1:\(server.port)/", timeout: .milliseconds(500))
                let result = await sender.send(request, attempt: 1).attempt.result
                #expect([.fault(.tls), .fault(.timeout), .fault(.connectTimeout)].contains(result), "\(result)")
            }
        }
    }

    @Test func `A destination may be shown a certificate`() async throws {
        let authority = try await TestAuthority.make()
        let server = try await authority.issue(["IP:127.0.0.1"])
        let client = try await authority.issue(["DNS:leat.test"])
        let another = try await authority.issue(["DNS:leat.test"])
        let showing = transport {
            $0.certificateAuthority = authority.certificate
            $0.clientCertificate = client.certificate
            $0.clientKey = client.key
        }
        try await MisbehavingServer.with(tls: server.server(demanding: authority)) { _ in
            [.answer(200)]
        } _: { (server) async throws in
            #expect(try await send(to: server.url, by: showing).answer == .delivered)
            let silent = try await send(
                to: server.url,
                by: transport { $0.certificateAuthority = authority.certificate }
            )
            guard case .fault(let fault) = silent.attempt.result else {
                Issue.record("\(silent.attempt)")
                return
            }
            #expect([.tls, .certificate, .reset].contains(fault))
        }
        for (certificate, key, problem) in [
            ("no certificate", client.key, "the client certificate cannot be read as PEM"),
            ("", client.key, "the client certificate cannot be read as PEM"),
            (client.certificate, another.key, "the client certificate and the client key do not belong together"),
            (client.certificate, client.certificate, Self.unreadable), (client.certificate, "x", Self.unreadable),
            (client.certificate, Self.locked, Self.unreadable),
        ] {
            let wrong = transport {
                $0.clientCertificate = certificate
                $0.clientKey = key
            }
            let exchange = try await send(to: "https://127.0.0.1:1/", by: wrong)
            #expect(exchange.attempt.result == .fault(.transportSettings))
            #expect(wrong.problem == problem && exchange.attempt.text == problem)
        }
        let unknown = transport { $0.certificateAuthority = "no certificate" }
        #expect(unknown.problem == "the certificate authority cannot be read as PEM")
    }

    private static let unreadable = "the client key is no private key as PEM that can be read without a passphrase"
    /// A key that wants a passphrase, for which nobody must be asked.
    private static let locked = """
        -----BEGIN ENCRYPTED PRIVATE KEY-----
        MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiG462oQrI2rAICCAAw
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEy8syGaXJsRtVUbSHTLXPEEgZBE
        rz9zKVxI5majoCgxxENG3mAhEHgp+P4jYY2uAPu7zCmZVYJCGTjpIX/zDS6HunwZ
        0wZOeFdPhf2qFDQxZCM3uPO/V58iM8HSlLA8gPOhdpeaiV063mpkoexaISL022hM
        8FeCW+8WD9ghEqeOq2ojBcZcsYrq/F3tkLQdGuitZe+yrAeIGAso9ho58IO7NPg=
        -----END ENCRYPTED PRIVATE KEY-----
        """

    @Test func `Nothing that is printed of a transport shows its key or its password`() {
        let settings = transport {
            $0.clientKey = "MARK-key"
            $0.proxy = .init(host: "proxy", port: 1, user: "leat", password: "MARK-password")
        }.settings
        var dumped = "\(settings) \(String(reflecting: settings)) \(settings.proxy.debugDescription)"
        dump(settings, to: &dumped)
        dump(settings.proxy, to: &dumped)
        #expect(!dumped.contains("MARK") && !dumped.contains("leat"))
    }

    @Test func `HTTP/2 is spoken where it is offered, over one connection, unless it is not wanted`() async throws {
        let authority = try await TestAuthority.make()
        let identity = try await authority.issue(["IP:127.0.0.1"])
        let trusting = transport { $0.certificateAuthority = authority.certificate }
        try await HTTP2Server.with(tls: identity.server(http2: true)) { (server) async throws in
            try await withSender { sender in
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<50 {
                        group.addTask {
                            let url = "https://127.0.0.1:\(server.port)/\(number)"
                            let request = try? request(to: url, body: "{\"a\":\(number)}", transport: trusting)
                            if let request { #expect(await sender.send(request, attempt: 1).answer == .delivered) }
                        }
                    }
                }
            }
            #expect(server.requests.count == 50 && server.requests.allSatisfy(\.isHTTP2) && server.connections <= 4)
            #expect(Set(server.requests.map { String(decoding: $0.body, as: UTF8.self) }).count == 50)
            let plain = transport {
                $0.certificateAuthority = authority.certificate
                $0.http2 = false
            }
            #expect(try await send(to: "https://127.0.0.1:\(server.port)/", by: plain).answer == .delivered)
            #expect(server.requests.last?.isHTTP2 == false)
        }
    }

    @Test func `A proxy is asked for the way by name, with its password, and is itself checked`() async throws {
        // A proxy that answers in the destination's stead, which is all that a test of the way needs.
        let script: MisbehavingServer.Script = { request in
            request.line.hasPrefix("CONNECT") ? [.say("HTTP/1.1 200 Connected\r\n\r\n")] : [.answer(200)]
        }
        try await MisbehavingServer.with(script) { (proxy) async throws in
            let by = transport { $0.proxy = .init(host: "127.0.0.1", port: proxy.port, user: "leat", password: "open") }
            #expect(try await send(to: "http://far.test/hook", by: by).answer == .delivered)
            #expect(proxy.requests[0].line == "CONNECT far.test:80 HTTP/1.1")
            #expect(proxy.requests[0].header("proxy-authorization") == "Basic bGVhdDpvcGVu")
            #expect(proxy.requests[1].line == "POST /hook HTTP/1.1" && proxy.requests[1].header("host") == "far.test")
            #expect(proxy.requests[1].header("proxy-authorization") == nil)
            // The proxy may stand where this is allowed, and an address is judged though the proxy would connect to it.
            let inside = try await send(to: "http://169.254.169.254/", by: by)
            #expect(inside.attempt.result == .fault(.targetPrivate) && proxy.requests.count == 2)
            try await withSender(allowing: []) { sender in
                let exchange = await sender.send(try request(to: "http://far.test/", transport: by), attempt: 1)
                #expect(exchange.attempt.result == .fault(.targetPrivate) && proxy.requests.count == 2)
            }
        }
        try await MisbehavingServer.with { _ in
            [.answer(502)]
        } _: { (proxy) async throws in
            let by = transport { $0.proxy = .init(host: "127.0.0.1", port: proxy.port) }
            let exchange = try await send(to: "http://far.test/", by: by)
            #expect(exchange.attempt.result == .fault(.proxy) && exchange.answer == .retry(after: nil))
        }
    }

    @Test func `A tunnel is opened for the right login alone, and another is a failure of its own name`() async throws {
        let authority = try await TestAuthority.make()
        let far = try await authority.issue(["DNS:far.test"])
        try await HTTP2Server.with(tls: far.server(http2: true)) { (server) async throws in
            try await ConnectProxy.with(wanting: "Basic bGVhdDpvcGVu") { (proxy) async throws in
                func send(as user: String?, _ password: String?) async throws -> Sender.Exchange {
                    let by = transport {
                        $0.certificateAuthority = authority.certificate
                        $0.proxy = .init(host: "127.0.0.1", port: proxy.port, user: user, password: password)
                    }
                    return try await self.send(to: "https://far.test:\(server.port)/", by: by)
                }
                for (user, password) in [(nil, nil), ("leat", "shut")] {
                    let exchange = try await send(as: user, password)
                    #expect(exchange.attempt.result == .fault(.proxyLogin) && exchange.answer == .retry(after: nil))
                    #expect(exchange.attempt.text.contains("proxyAuthorization") && server.requests.isEmpty)
                }
                #expect(try await send(as: "leat", "open").answer == .delivered)
                #expect(proxy.requests.count == 3 && server.requests.map(\.isHTTP2) == [true])
            }
        }
    }

    @Test func `A body is compressed from the size that the destination names`() async throws {
        let by = transport { $0.compressesFrom = 100 }
        let long = "{\"a\":\"" + String(repeating: "leat ", count: 200) + "\"}"
        try await RecordingServer.with { (server) async throws in
            #expect(try await send(to: server.url, by: by, body: long).answer == .delivered)
            #expect(try await send(to: server.url, by: by, body: "{}").answer == .delivered)
            let coded = [OutboundRequest.Header(name: "content-encoding", value: "br")]
            #expect(try await send(to: server.url, by: by, body: long, headers: coded).answer == .delivered)
            let (packed, short, own) = (server.requests[0], server.requests[1], server.requests[2])
            #expect(packed.header("content-encoding") == "gzip" && packed.body.count < 100)
            #expect(short.header("content-encoding") == nil && short.text == "{}")
            #expect(own.header("content-encoding") == "br" && own.text == long)
            // Read by somebody else.
            let gunzip = "import sys,gzip;sys.stdout.write(gzip.decompress(bytes.fromhex(sys.stdin.read())).decode())"
            let hex = packed.body.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            #expect(try await Program.run(["python3", "-c", gunzip], input: hex).output == long)
        }
    }
}
