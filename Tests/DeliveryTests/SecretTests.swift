import EventModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Delivery

/// What secrets become in requests, what hides them, and what happens when they are not there.
@Suite struct SecretTests {
    static let token = SecretToken(Array(1...16))
    static let other = SecretToken(Array(2...17))

    static func secret(_ text: String) throws -> SecretValue { try #require(SecretValue(Array(text.utf8))) }

    /// A book of one secret that is named `key`, and stands for `token`.
    static func book(
        _ text: String = "MARK-value",
        _ placement: SecretPlacement = SecretPlacement(),
        entries more: [String: SecretBook.Entry] = [:]
    ) throws -> SecretBook {
        let entry = SecretBook.Entry(.open(try secret(text), placement), mark: text)
        return SecretBook(
            destination: "crm",
            connector: "leat.webhook",
            permissions: SecretPermissions(patterns: ["key", "k-*"]),
            entries: ["key": entry].merging(more) { $1 },
            tokens: [token: "key", other: "k-other"]
        )
    }

    static func request(
        _ url: String = "http://127.0.0.1:1/in",
        headers: [OutboundRequest.Header] = [],
        type: String = "application/json",
        body: String = "{}",
        secret: String = "",
        book: SecretBook
    ) throws(DeliveryError) -> OutboundRequest {
        try OutboundRequest(
            method: "POST",
            url: url,
            headers: headers + [.init(name: "Content-Type", value: type)],
            body: Array(("##" + body).utf8)[2...],
            secret: secret,
            idempotencyKey: "id",
            timeout: .seconds(10),
            book: book
        )
    }

    private static let nasty = #"a"b\c/d e&f=g:é+?#"#
    private static let quoted = #"a\"b\\c/d e&f=g:é+?#"#
    private static let encoded = "a%22b%5Cc%2Fd%20e%26f%3Dg%3A%C3%A9%2B%3F%23"

    @Test func `A secret stands in the header that it was set for, as it was set for`() throws {
        let places: [(SecretPlacement, String, String)] = [
            (SecretPlacement(), "Authorization", "user:MARK word"),
            (SecretPlacement(scheme: .bearer), "Authorization", "Bearer user:MARK word"),
            (SecretPlacement(scheme: .basic), "Authorization", "Basic dXNlcjpNQVJLIHdvcmQ="),
            (SecretPlacement(scheme: .raw, header: "X-Api-Key"), "X-Api-Key", "user:MARK word"),
        ]
        for (placement, name, value) in places {
            let book = try Self.book("user:MARK word", placement)
            for reference in ["key", Self.token.text] {
                // What the connector set itself gives way.
                let headers = [OutboundRequest.Header(name: name.lowercased(), value: "old")]
                let request = try Self.request(headers: headers, secret: reference, book: book)
                #expect(request.secrets?.names == ["key"])
                #expect(!request.headers.contains { $0.value.contains("MARK") })
                let filled = try request.filled(from: book)
                #expect(filled.headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value) == [value])
                #expect(filled.body == request.body && filled.url == request.url)
            }
        }
    }

    @Test(
        arguments: [
            ("application/json", SecretTests.quoted), ("application/vnd.api+json; charset=utf-8", SecretTests.quoted),
            ("application/x-www-form-urlencoded", SecretTests.encoded), ("text/plain", SecretTests.nasty),
        ]
    )
    func `A secret is written in a body as its type wants, in a header as it is, in an address with percent signs`(
        type: String,
        text: String
    ) throws {
        let book = try Self.book(Self.nasty)
        let token = Self.token.text
        let request = try Self.request(
            "http://127.0.0.1:1/\(token)/x?a=\(token)",
            headers: [.init(name: "X-Key", value: "<\(token)>")],
            type: type,
            body: "\(token),leat-secret-,\(SecretToken.specimen.text),\(token)",
            book: book
        )
        let filled = try request.filled(from: book)
        #expect(filled.url == "http://127.0.0.1:1/\(Self.encoded)/x?a=\(Self.encoded)")
        #expect(filled.headers.first?.value == "<\(Self.nasty)>")
        let body = String(decoding: filled.body, as: UTF8.self)
        #expect(body == "\(text),leat-secret-,\(SecretToken.specimen.text),\(text)")
        if type == "application/json" {
            let quoted = try JSONSerialization.jsonObject(with: Data("[\"\(text)\"]".utf8)) as? [String]
            #expect(quoted == [Self.nasty])
        }
    }

    @Test func `A key as PEM is put into no request, and a transport has it whatever the connector may ask for`() throws
    {
        let pem = "-----BEGIN PRIVATE KEY-----\nMARKMARKMARKMARK\n-----END PRIVATE KEY-----\n"
        let own = SecretBook.Entry(.open(try Self.secret(pem), SecretPlacement()), mark: "own")
        let book = try Self.book(pem, entries: ["own": own])
        for request in [
            try Self.request(secret: "key", book: book), try Self.request(body: Self.token.text, book: book),
        ] {
            let why = "the secret \"key\" is a key as PEM, which no request may carry"
            #expect(throws: SecretFault.refused(.secret(why))) { try request.filled(from: book) }
        }
        #expect(book.values.isEmpty)
        guard case .refused = book.standing(of: "own"), case .open(let value, _) = book.standing(ofOwn: "own") else {
            Issue.record("the permission is asked of the wrong one")
            return
        }
        #expect(value.isPEM && value.reveal { $0 } == Array(pem.utf8))
    }

    @Test func `A request without secrets is looked at no further, and stays as it is`() throws {
        let book = try Self.book()
        #expect(try Self.request(body: "leat-secret-", book: book).secrets == nil)
        // An event that names a token in a run that does not know it is an event.
        #expect(try Self.request(body: Self.token.text, book: .empty).secrets == nil)
    }

    @Test func `What a plugin may not have is refused with what would permit it`() throws {
        let outside = SecretBook.Entry(.refused("not for crm"), mark: "r")
        let book = try Self.book(entries: ["k-other": outside])
        let wrong: [(String, String, String)] = [
            ("forbidden", "http://a/", "permissions.secrets"), ("k-other", "http://a/", "not for crm"),
            ("", "http://a/\(Self.other.text)", "not for crm"), ("NO NAME", "http://a/", "no name"),
            ("", "http://\(Self.token.text).example/", "host"),
        ]
        for (secret, url, words) in wrong {
            let error = #expect(throws: DeliveryError.self) { try Self.request(url, secret: secret, book: book) }
            #expect(error?.code == "request_secret" && error?.disposition == .bury)
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
        let plugin = #expect(throws: DeliveryError.self) { try Self.request(secret: "key", book: .empty) }
        #expect(plugin?.code == "request_secret")
    }

    @Test func `What a secret makes too long is not sent`() throws {
        let book = try Self.book("MARK" + String(repeating: "/", count: 4000))
        let longURL = try Self.request("http://a/\(Self.token.text)", book: book)
        #expect(throws: SecretFault.refused(.address(.length))) { try longURL.filled(from: book) }
        let value = String(repeating: Self.token.text, count: 3)
        let header = try Self.request(headers: [.init(name: "X-Key", value: value)], book: book)
        #expect(throws: SecretFault.refused(.header("X-Key"))) { try header.filled(from: book) }
    }

    @Test func `A mask finds a secret however it is written, and where it is cut`() throws {
        let values = ["Bearer MARK/one+two==", "user:MARK\"quote\\back", "MARK-plain-0123"]
        let mask = SecretMask(try values.map(Self.secret))
        for value in values {
            let data = Data(value.utf8)
            let percent = try #require(value.addingPercentEncoding(withAllowedCharacters: Self.unreserved))
            let forms = [
                value, percent, percent.replacing(/%[0-9A-F]{2}/) { String($0.output).lowercased() },
                data.base64EncodedString(), String(decoding: try JSONEncoder().encode(value), as: UTF8.self),
                String(value.drop { $0 != " " && $0 != ":" }.dropFirst()),
            ]
            for form in forms where !form.isEmpty {
                let text = "<<\(form)>>"
                #expect(!mask.masked(text).contains("MARK") && mask.masked(text).contains("•••"), "\(form)")
                #expect(!mask.text(of: Array(text.utf8), limit: 1000).contains("MARK"))
                #expect(!mask.masked(text).contains(data.base64EncodedString()))
            }
            for around in ["", "a", "ab"] {
                let text = mask.masked(Data((around + value + around).utf8).base64EncodedString())
                #expect(Data(base64Encoded: text) == nil && text.contains("•••"), "\(text)")
            }
        }
        for padding in 0..<60 {
            let long = String(repeating: "MARK-plain-0123 ", count: 3) + String(repeating: "x", count: padding)
            for limit in [20, 40, 60] {
                let shown = mask.text(of: Array((long + "MARK-plain-0123 MARK-plain-0123").utf8), limit: limit)
                #expect(!shown.contains("MAR") && shown.utf8.count <= limit, "\(padding) \(limit) \(shown)")
            }
        }
        #expect(SecretMask.none.masked("MARK leat-secret-") == "MARK leat-secret-")
        let words = "{\"key\":\"\(Self.token.text)\",\"\(Self.other.text)x\"}"
        #expect(SecretMask.none.masked(words) == "{\"key\":\"•••\",\"•••x\"}")
    }

    private static let unreserved = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))

    // MARK: Couriers

    private static let schedule = RetrySchedule(
        first: .milliseconds(20),
        cap: .milliseconds(100),
        shortTries: 50,
        longestShortDelay: .milliseconds(200),
        maximumAttempts: 100
    )

    private typealias End = (ending: Dispatch.Ending, attempts: [Attempt])

    /// Hands one request to a courier and gives `during` time; then its end.
    private static func end(
        of request: OutboundRequest,
        with book: SecretBook,
        during: @Sendable (Courier) async throws -> Void
    ) async throws -> End? {
        try await withSender { sender in
            let courier = Courier(
                sender: sender,
                terms: Courier.Terms(schedule: schedule, concurrency: 4),
                secrets: book
            )
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await courier.run() }
                let (stream, continuation) = AsyncStream.makeStream(of: End.self)
                _ = courier.submit([
                    Courier.Parcel(request: request, events: 1) { ending, attempts in
                        continuation.yield((ending, attempts))
                    }
                ])
                try await during(courier)
                for await end in stream {
                    group.cancelAll()
                    return end
                }
                return nil
            }
        }
    }

    private static func wait(_ isSo: @Sendable () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while !isSo() {
            try #require(ContinuousClock.now < end)
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A secret that is replaced counts from the next try on`() async throws {
        try await RecordingServer.with({ request in
            request.header("Authorization") == "MARK-new-value"
                ? .answer(200) : .answer(503, body: "bad MARK-old-value")
        }) { server in
            let old = try Self.book("MARK-old-value")
            let request = try Self.request(server.url, secret: "key", book: old)
            let end = try await Self.end(of: request, with: old) { courier in
                #expect(await server.wait(for: 2))
                courier.set(secrets: try Self.book("MARK-new-value"))
            }
            #expect(end?.ending == .delivered)
            let sent = server.requests.compactMap { $0.header("Authorization") }
            #expect(sent.first == "MARK-old-value" && sent.last == "MARK-new-value")
            // The answer to a try that is later than the change still speaks of the old one.
            #expect(end?.attempts.allSatisfy { !$0.text.contains("MARK") } == true)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `While a secret is missing everything waits, and nothing counts`() async throws
    {
        try await RecordingServer.with { server in
            let ready = try Self.book()
            let missing = try Self.book(entries: ["key": .init(.missing("no key here"), mark: "m")])
            let request = try Self.request(server.url, secret: "key", book: missing)
            let end = try await Self.end(of: request, with: missing) { courier in
                try await Self.wait { courier.waitsForSecret == "no key here" }
                courier.set(secrets: missing)
                try await Self.wait { courier.waitsForSecret == "no key here" }
                #expect(server.requests.isEmpty)
                courier.set(secrets: ready)
            }
            #expect(end?.ending == .delivered && end?.attempts.map(\.number) == [1])
            #expect(server.requests.map { $0.header("Authorization") } == ["MARK-value"])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `A request whose secret is taken from the destination ends unsent, and says why`() async throws {
        try await RecordingServer.with { server in
            let ready = try Self.book()
            let taken = try Self.book(entries: ["key": .init(.refused("not for crm"), mark: "r")])
            let request = try Self.request(server.url, secret: "key", book: ready)
            let end = try await Self.end(of: request, with: taken) { _ in }
            #expect(end?.ending == .refused && end?.attempts.map(\.code) == ["request_secret"])
            #expect(end?.attempts.first?.text == "not for crm" && server.requests.isEmpty)
        }
    }

    @Test func `Values that were replaced go on to be hidden, and only so many`() throws {
        var held = HeldSecrets(try Self.book("MARK-value-0"))
        for number in 1...40 { held.take(try Self.book("MARK-value-\(number)")) }
        #expect(held.mask.masked("MARK-value-40 MARK-value-39 MARK-value-25") == "••• ••• •••")
        #expect(held.mask.masked("MARK-value-1x") == "MARK-value-1x")
    }
}
