import Delivery
import EventModel
import Testing

@Suite struct RequestTests {
    private func request(
        method: String = "POST",
        url: String = "http://127.0.0.1:1/",
        headers: [OutboundRequest.Header] = [],
        secret: String = "",
        policy: TargetPolicy = .open
    ) throws(DeliveryError) -> OutboundRequest {
        try OutboundRequest(
            method: method,
            url: url,
            headers: headers,
            body: [],
            secret: secret,
            idempotencyKey: "key",
            timeout: .seconds(1),
            policy: policy
        )
    }

    @Test func `An address is taken apart as everybody else would`() throws {
        let plain = try TargetAddress("HTTPS://Api.Example.COM/v1/track?a=b")
        #expect(plain.scheme == .https && plain.host == "api.example.com" && plain.port == 443)
        #expect(plain.path == "/v1/track?a=b")
        #expect(try TargetAddress("http://127.0.0.1:8080").path == "/")
        #expect(try TargetAddress("http://h?x=1").path == "/?x=1")
        let six = try TargetAddress("http://[0:0::1]:9/x")
        #expect(six.host == "::1" && six.port == 9 && six.url == "http://[::1]:9/x")
        #expect(plain.url == "https://api.example.com/v1/track?a=b")
        #expect(try TargetAddress("http://H:443").url == "http://h:443/")
    }

    @Test(
        arguments: [
            "", "ftp://x/", "file:///etc/passwd", "//x/", "/path", "http://", "http:///x", "http://:80/", "http://a b/",
            "http://a\r\nHost: b/", "http://a\\@b/", "http://a/#b", "http://a:0/", "http://a:65536/", "http://a:x/",
            "http://a:80:80/", "http://[::1/", "http://[g]/", "http://é.example/", "http://a%2fb/", "unix://x",
            "http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/", "http://0x7f.1/",
            "http://127.0.0.01/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://1.2.3.256/", "http://a.0x1/",
            "http://[::1%25lo]/", "http://[1.2.3.4]/", "http://[:::]/", "http://[]/", "http://[fe80::1%lo]/",
        ]
    )
    func `An address that could be misread is refused`(text: String) {
        #expect(throws: TargetProblem.self) { try TargetAddress(text) }
        #expect(throws: DeliveryError.self) { try request(url: text) }
    }

    @Test func `Credentials do not belong into an address`() {
        #expect(throws: TargetProblem.credentials) { try TargetAddress("https://user:secret@example.com/") }
        #expect(throws: TargetProblem.credentials) { try TargetAddress("https://example.com@evil.example/") }
    }

    @Test(
        arguments: [
            ("Host", "x"), ("content-length", "1"), ("Transfer-Encoding", "chunked"), ("Connection", "close"),
            ("X-Bad", "a\r\nb: c"), ("X-Bad", "a\nb"), ("X-Bad", "\u{0}"), ("X Bad", "a"), ("", "a"), ("X:", "a"),
            ("Upgrade", "h2c"), ("User-Agent", "x"),
        ]
    )
    func `A header that could smuggle a request is refused`(name: String, value: String) {
        #expect(throws: DeliveryError.self) { try request(headers: [.init(name: name, value: value)]) }
    }

    @Test func `Every request carries an idempotency key, the connector's own if it gave one`() throws {
        #expect(try request().headers == [.init(name: "Idempotency-Key", value: "key")])
        let own = OutboundRequest.Header(name: "idempotency-key", value: "mine")
        #expect(try request(headers: [own]).headers == [own])
    }

    @Test func `A request that belongs to a replay says so, whatever the connector says`() throws {
        let request = try OutboundRequest(
            method: "POST",
            url: "https://example.com/",
            headers: [.init(name: "leat-replay", value: "7")],
            body: [],
            secret: "",
            idempotencyKey: "",
            timeout: .seconds(1),
            replay: 12
        )
        #expect(request.headers == [.init(name: "Leat-Replay", value: "12")])
    }

    @Test func `Only known methods are sent`() {
        for method in ["CONNECT", "TRACE", "post", "GET /x", ""] {
            #expect(throws: DeliveryError.method) { try request(method: method) }
        }
    }

    @Test func `A plugin reaches what its manifest permits and nothing else`() throws {
        let patterns = ["https://api.example.com/v1/", "https://*.braze.eu", "http://127.0.0.1:*/hook"]
        let policy = TargetPolicy(allowed: patterns.compactMap(TargetPolicy.Pattern.init))
        for url in [
            "https://api.example.com/v1/track", "https://rest.fra-01.braze.eu/users", "http://127.0.0.1:8080/hook/1",
        ] {
            #expect(throws: Never.self, "\(url)") { try request(url: url, policy: policy) }
        }
        for url in [
            "http://api.example.com/v1/track", "https://api.example.com:444/v1/", "https://api.example.com/v2/",
            "https://api.example.com/v1/../v2", "https://braze.eu/", "https://evilbraze.eu/", "http://127.0.0.2/hook",
            "https://api.example.com.evil.example/v1/",
        ] {
            #expect(throws: DeliveryError.self, "\(url)") { try request(url: url, policy: policy) }
        }
        #expect(TargetPolicy.Pattern("example.com") == nil)
        let any = TargetPolicy(allowed: ["*://*"].compactMap(TargetPolicy.Pattern.init))
        #expect(throws: Never.self) { try request(url: "http://x:81/", policy: any) }
        let secure = TargetPolicy(allowed: ["https://*"].compactMap(TargetPolicy.Pattern.init))
        #expect(throws: Never.self) { try request(url: "https://x:8443/", policy: secure) }
        #expect(throws: DeliveryError.self) { try request(url: "http://x/", policy: secure) }
    }

    @Test func `Keys differ in every part and never change`() {
        let destination = DestinationID(rawValue: 7)
        let partition = PartitionID(source: SourceID(rawValue: 3), generation: 0, number: 1)
        let key = IdempotencyKey(destination: destination, partition: partition, offset: 42, part: 0)
        #expect(key.description == "3358d7e2b79900f02674ed536c9a195b")
        var seen: Set<IdempotencyKey> = []
        for offset in 0..<1000 {
            for part in 0..<3 {
                for replay in 0..<2 {
                    let key = IdempotencyKey(
                        destination: destination,
                        partition: partition,
                        offset: Int64(offset),
                        part: part,
                        replay: Int64(replay)
                    )
                    #expect(key.description.utf8.count == 32)
                    seen.insert(key)
                }
            }
        }
        #expect(seen.count == 6000)
        let list = [key, IdempotencyKey(destination: destination, partition: partition, offset: 43, part: 0)]
        #expect(IdempotencyKey(of: list) != IdempotencyKey(of: list.reversed()))
        #expect(IdempotencyKey(of: list) != IdempotencyKey(of: Array(list.prefix(1))))
    }

    @Test func `A secret that a destination repeats is not kept`() throws {
        let mask = SecretMask([try #require(SecretValue(Array("hunter2-hunter2".utf8)))])
        let text = mask.text(of: Array("bad token hunter2-hunter2\u{0} for abc".utf8), limit: 100)
        #expect(text == "bad token •••  for abc")
        let long = Array((String(repeating: "x", count: 95) + "hunter2-hunter2").utf8)
        #expect(!mask.text(of: long, limit: 100).contains("hunt"))
        #expect(mask.text(of: [0xff, 0xfe, 0x41], limit: 4).utf8.count <= 4)
    }
}
