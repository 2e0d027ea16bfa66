import EventModel
import HTTPTypes
import Logging
import Testing

@testable import AdminAPI
@testable import Catalog

@Suite(.timeLimit(.minutes(2))) struct SecretCallTests {
    private static let body = #"{"value": "MARK-secret-value", "destinations": ["crm"], "as": "bearer"}"#

    @Test func `A secret goes in and never comes out`() async throws {
        try await RunningAPI.with { running in
            var answers: [RunningAPI.Answer] = []
            func call(_ method: HTTPRequest.Method, _ path: String, _ body: String? = nil) async throws -> Int {
                answers.append(try await running.call(method, path, body: body))
                return try #require(answers.last).status
            }
            #expect(try await call(.put, "/secrets/crm-key", Self.body) == 201)
            #expect(try await call(.put, "/secrets/crm-key", #"{"value": "MARK-secret-value-2"}"#) == 200)
            #expect(try await call(.put, "/secrets/crm-key", #"{"destinations": ["crm", "mail"]}"#) == 200)
            let kept = try #require(answers.last).document
            #expect(kept["destinations"]?.elements?.compactMap(\.string) == ["crm", "mail"])
            #expect(
                kept["as"]?.string == "bearer" && kept["state"]?.string == "open"
                    && kept["any"]?.content == .bool(false)
            )
            let stored = try #require(running.catalog.current.secret(named: "crm-key"))
            let value = running.catalog.vault.open(stored).map { $0.reveal { String(decoding: $0, as: UTF8.self) } }
            #expect(value == .success("MARK-secret-value-2"))
            #expect(try await call(.get, "/secrets/crm-key") == 200)
            #expect(try await call(.get, "/secrets") == 200)
            #expect(answers.last?.document["keyId"]?.string == running.catalog.vault.keys?.currentID)
            #expect(try await call(.post, "/secrets/rewrap") == 200)
            #expect(answers.last?.document["rewrapped"]?.int == 0)
            // Refused in every way there is, and never repeated.
            for body in [
                #"{"value": "MARK-12", "any": true}"#, #"{"value": "MARK-secret\n-value", "any": true}"#,
                #"{"value": "MARK-secret-value", "any": true, "plugins": ["leat.webhook"]}"#,
                #"{"value": "MARK-secret-value", "as": "MARK"}"#, #"{"value": ["MARK-secret-value"]}"#,
                #"{"value": "MARK-no-colon", "as": "basic"}"#, #"{"word": 1}"#,
            ] {
                #expect(try await call(.put, "/secrets/crm-key", body) == 422)
            }
            #expect(try await call(.put, "/secrets/crm-key", #"{"value": "MARK-secret-value"#) == 400)
            #expect(try await call(.put, "/secrets/new", #"{"value": "MARK-secret-value"}"#) == 422)
            #expect(try await call(.put, "/secrets/rewrap", Self.body) == 404)
            #expect(try await call(.put, "/secrets/No", Self.body) == 422)
            #expect(try await call(.get, "/secrets/none") == 404)
            #expect(try await call(.delete, "/secrets/none") == 404)
            #expect(try await call(.delete, "/secrets/crm-key") == 204)
            #expect(try await call(.get, "/export") == 200)
            for answer in answers { #expect(!answer.text.contains("MARK-s"), "\(answer.text)") }
            #expect(!answers.contains { $0.text.contains("MARK-12") || $0.text.contains("MARK-no") })
        }
    }

    @Test func `A secret that is used stays, and says who uses it`() async throws {
        try await RunningAPI.with { running in
            let manifest = """
                {"id":"leat.webhook","version":"1.0.0","kind":"destination.request","permissions":{"secrets":["*"]}}
                """
            let upload = try await running.call(
                .put,
                "/plugins/leat.webhook/versions/1.0.0",
                body: RunningAPI.form(["manifest": manifest, "library": "\u{7F}ELF"]),
                type: "multipart/form-data; boundary=b"
            )
            #expect(upload.status == 201)
            let crm = #"{"connector": "leat.webhook", "config": {"k": "${secret:crm-key}"}}"#
            let early = try await running.call(.put, "/destinations/crm", body: crm)
            #expect(early.status == 422)
            #expect(early.problems.first?.contains("leat secret set crm-key --destination crm") == true)
            #expect(try await running.call(.put, "/secrets/crm-key", body: Self.body).status == 201)
            #expect(try await running.call(.put, "/destinations/crm", body: crm).status == 201)
            let shown = try await running.call(.get, "/secrets/crm-key").document
            #expect(shown["usedBy"]?.elements?.compactMap(\.string) == ["crm"])
            #expect(try await running.call(.get, "/destinations/crm").text.contains("${secret:crm-key}"))
            let away = #"{"destinations": ["mail"]}"#
            #expect(try await running.call(.put, "/secrets/crm-key", body: away).code == "in_use")
            #expect(try await running.call(.delete, "/secrets/crm-key").code == "in_use")
            #expect(try await running.call(.put, "/secrets/crm-key?force=true", body: away).status == 200)
            #expect(try await running.call(.delete, "/secrets/crm-key?force=true").status == 204)
        }
    }

    @Test func `Without a key, or with another, the interface says so`() async throws {
        try await RunningAPI.with(key: nil) { running in
            let refused = try await running.call(.put, "/secrets/crm-key", body: Self.body)
            #expect(refused.status == 409 && refused.code == "no_secret_key")
            #expect(refused.text.contains("--secret-key-file"))
            #expect(try await running.call(.post, "/secrets/rewrap").code == "no_secret_key")
            #expect(try await running.call(.get, "/secrets").text == #"{"keyId":null,"secrets":[]}"#)
            // Somebody else's server sets one.
            let vault = SecretVault(keys: try SecretKeys(parsing: SecretKeys.generate()))
            let other = try await Catalog.open(pool: running.catalog.pool, logger: Logger(label: "test"), vault: vault)
            let value = SecretValue(Array("MARK-secret-value".utf8))
            _ = try await other.set(SecretWish(name: "crm-key", value: value, scope: .any), by: "test")
            try await running.catalog.reload()
            let locked = try await running.call(.get, "/secrets/crm-key").document
            #expect(locked["state"]?.string == "locked")
            #expect(locked["reason"]?.string?.contains("this server has none") == true)
        }
    }
}
