import EventModel
import Logging
import PostgreSQL
import TestSupport
import Testing

@testable import Catalog

@Suite(.timeLimit(.minutes(2))) struct SecretTests {
    static let value = "MARK-secret-value-1"

    static func keys(_ words: String...) throws -> SecretKeys { try SecretKeys(parsing: words.joined(separator: "\n")) }

    static func with(
        _ keys: SecretKeys?,
        _ body: (Catalog) async throws -> Void
    ) async throws {
        try await Database.temporary { pool in
            let vault = SecretVault(keys: keys)
            try await body(try await Catalog.open(pool: pool, logger: Logger(label: "test"), vault: vault))
        }
    }

    /// Another node of the same database.
    static func beside(_ catalog: Catalog, _ keys: SecretKeys?) async throws -> Catalog {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try await Catalog.open(pool: catalog.pool, logger: logger, vault: SecretVault(keys: keys))
    }

    static func wish(
        _ name: String,
        _ value: String? = value,
        _ scope: SecretScope? = .any,
        _ placement: SecretPlacement? = nil
    ) -> SecretWish {
        SecretWish(name: name, value: value.flatMap { SecretValue(Array($0.utf8)) }, scope: scope, placement: placement)
    }

    /// What a node makes of a secret.
    static func opened(_ name: String, _ catalog: Catalog) throws -> Result<String, SecretVault.Lock> {
        let secret = try #require(catalog.current.secret(named: name))
        return catalog.vault.open(secret).map { $0.reveal { String(decoding: $0, as: UTF8.self) } }
    }

    private static func everything(_ catalog: Catalog) async throws -> String {
        let tables = ["secret", "audit", "destination", "catalog_revision"]
        var text = ""
        for table in tables {
            let rows = try await catalog.pool.query(Statement("test.\(table)", "SELECT t::text FROM leat.\(table) t"))
            text += try rows.map { try $0.text(0) }.joined(separator: "\n")
        }
        return text
    }

    @Test func `What is set can be opened on every node with the key, and stands nowhere in the database`() async throws
    {
        let keys = try Self.keys(SecretKeys.generate())
        try await Self.with(keys) { catalog in
            let scope = SecretScope(destinations: ["crm"], plugins: ["leat.webhook"])
            let placement = SecretPlacement(scheme: .bearer, header: "X-Api-Key")
            #expect(try await catalog.set(Self.wish("crm-key", Self.value, scope, placement), by: "ci"))
            let kept = try #require(catalog.current.secret(named: "crm-key"))
            #expect(kept.scope == scope && kept.placement == placement && kept.keyID == keys.currentID)
            #expect(kept.changedBy == "ci" && kept.rotatedAt > 0)
            #expect(try Self.opened("crm-key", catalog) == .success(Self.value))
            #expect(try Self.opened("crm-key", try await Self.beside(catalog, keys)) == .success(Self.value))
            let text = try await Self.everything(catalog)
            #expect(text.contains("crm-key") && !text.contains("MARK"))
            let hexadecimal = Array(Self.value.utf8).map { String($0, radix: 16) }.joined()
            #expect(!text.contains(hexadecimal))
        }
    }

    @Test func `Setting it again replaces the value alone, with a nonce of its own each time`() async throws {
        try await Self.with(try Self.keys(SecretKeys.generate())) { catalog in
            let scope = SecretScope(destinations: ["crm"])
            _ = try await catalog.set(Self.wish("key", Self.value, scope, SecretPlacement(scheme: .bearer)), by: "a")
            var nonces: Set<[UInt8]> = []
            let first = try #require(catalog.current.secret(named: "key"))
            nonces.insert(Array(first.sealed.prefix(12)))
            for _ in 0..<20 {
                #expect(try await catalog.set(Self.wish("key", Self.value, nil), by: "b") == false)
                nonces.insert(Array(try #require(catalog.current.secret(named: "key")).sealed.prefix(12)))
            }
            #expect(nonces.count == 21)
            let last = try #require(catalog.current.secret(named: "key"))
            #expect(last.scope == scope && last.placement == first.placement && last.createdAt == first.createdAt)
            #expect(last.rotatedAt > first.rotatedAt && last.changedBy == "b")
            // Without a value only the rest changes, and it is not called rotated.
            _ = try await catalog.set(Self.wish("key", nil, .any), by: "c")
            let wide = try #require(catalog.current.secret(named: "key"))
            #expect(wide.scope == .any && wide.rotatedAt == last.rotatedAt)
            #expect(try Self.opened("key", catalog) == .success(Self.value))
        }
    }

    @Test func `What cannot be a secret is refused, and no error repeats it`() async throws {
        let wrong = [
            "MARK-12", "", "MARK\r\nX-Evil: 1", "MARK-value-\u{0}", "MARK-value-\u{7F}", " MARK-value", "MARK-value ",
            String(repeating: "MARK", count: 1025),
        ]
        for value in wrong {
            var problems: [Problem] = []
            let document: Document = ["name": "key", "value": .text(value), "any": true]
            #expect(SecretWish(reading: document, at: "", &problems) == nil)
            #expect(problems.count == 1 && problems[0].path == "value" && !problems[0].message.contains("MARK"))
            #expect(SecretValue(Array(value.utf8)) == nil)
        }
        #expect(SecretValue([0xFF, 0xFE, 0xFD, 0x41, 0x41, 0x41, 0x41, 0x41]) == nil)
        for (body, path) in [
            (["name": "Key", "value": "long enough", "any": true], "name"),
            (["name": "rewrap", "value": "long enough", "any": true], "name"),
            (["name": "key", "any": true, "destinations": ["crm"]], "any"),
            (["name": "key", "destinations": ["C R M"]], "destinations[0]"), (["name": "key", "as": "digest"], "as"),
            (["name": "key", "header": "Host"], "header"), (["name": "key", "header": "X: y"], "header"),
            (["name": "key", "header": "Content-Type"], "header"), (["name": "key", "valeu": "x"], "valeu"),
            // The first line of a key, as it is where somebody pastes one at a prompt.
            (["name": "key", "value": "-----BEGIN PRIVATE KEY-----"], "value"),
            (["name": "key", "value": "-----BEGIN PRIVATE KEY-----\nMARK"], "value"),
            (["name": "key", "value": "MARK\n-----BEGIN PRIVATE KEY-----\n-----"], "value"),
            (["name": "key", "value": "-----BEGIN PRIVATE KEY-----\n\u{7}MARK\n-----END PRIVATE KEY-----"], "value"),
        ] as [(Document, String)] {
            var problems: [Problem] = []
            #expect(SecretWish(reading: body, at: "", &problems) == nil)
            #expect(problems.map(\.path) == [path], "\(problems)")
        }
        let secret = try #require(SecretValue(Array("MARK-value".utf8)))
        #expect("\(secret)" == "•••" && String(reflecting: secret) == "•••")
        var dumped = ""
        dump(secret, to: &dumped)
        dump([secret], to: &dumped)
        #expect(!dumped.contains("MARK") && !dumped.contains("77"))
    }

    @Test func `A private key as PEM may be a secret, its lines as they are`() async throws {
        try await Self.with(try Self.keys(SecretKeys.generate())) { catalog in
            let authority = try await TestAuthority.make()
            let pem = try await authority.issue(["DNS:leat.test"]).key
            for text in [pem, String(pem.dropLast()), pem.replacing("\n", with: "\r\n")] {
                var problems: [Problem] = []
                let document: Document = ["name": "key", "value": .text(text), "any": true]
                let wish = try #require(SecretWish(reading: document, at: "", &problems), "\(problems)")
                _ = try await catalog.set(wish, by: "a")
                #expect(try Self.opened("key", catalog) == .success(text))
            }
        }
    }

    @Test func `Without a key nothing can be set, and the error says what to do`() async throws {
        try await Self.with(nil) { catalog in
            let error = await #expect(throws: CatalogError.self) { try await catalog.set(Self.wish("key"), by: "a") }
            #expect(error == .noSecretKey && error?.description.contains("--secret-key-file") == true)
            await #expect(throws: CatalogError.noSecretKey) { try await catalog.rewrapSecrets(by: "a") }
        }
    }

    @Test func `A new secret says where it may go, and basic has a user and a password`() async throws {
        try await Self.with(try Self.keys(SecretKeys.generate())) { catalog in
            for wish in [
                Self.wish("key", Self.value, nil), Self.wish("key", nil, .any),
                Self.wish("key", Self.value, .any, SecretPlacement(scheme: .basic)),
            ] {
                let error = await #expect(throws: CatalogError.self) { try await catalog.set(wish, by: "a") }
                #expect(error?.code == "refused" && error?.description.contains("MARK") == false)
            }
            #expect(catalog.current.secrets.isEmpty)
            _ = try await catalog.set(
                Self.wish("key", "user:password", .any, SecretPlacement(scheme: .basic)),
                by: "a"
            )
        }
    }

    @Test func `A node with another key says which secrets it cannot open, and why`() async throws {
        let key = SecretKeys.generate()
        try await Self.with(try Self.keys(key)) { catalog in
            _ = try await catalog.set(Self.wish("key"), by: "a")
            let id = try #require(catalog.vault.keys).currentID
            let other = try await Self.beside(catalog, try Self.keys(SecretKeys.generate()))
            #expect(try Self.opened("key", other) == .failure(.otherKey(needed: id)))
            #expect(other.lockedSecrets == ["key": .otherKey(needed: id)])
            let none = try await Self.beside(catalog, nil)
            #expect(none.lockedSecrets == ["key": .noKey(needed: id)])
            #expect(SecretVault.Lock.noKey(needed: id).reason.contains("--secret-key-file"))
            // The scope cannot be changed where the value cannot be opened, but the value can be set anew.
            let error = await #expect(throws: CatalogError.self) {
                try await other.set(Self.wish("key", nil, SecretScope(destinations: ["crm"])), by: "a")
            }
            #expect(error == .secretLocked("key", .otherKey(needed: id)))
            _ = try await other.set(Self.wish("key", "MARK-another-value"), by: "a")
            #expect(other.lockedSecrets.isEmpty)
            try await catalog.reload()
            #expect(catalog.lockedSecrets.count == 1)
        }
    }

    @Test(
        arguments: [
            "sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)",
            "sealed = set_byte(sealed, 3, get_byte(sealed, 3) # 1)",
            "sealed = substring(sealed FROM 1 FOR length(sealed) - 1)", "destinations = '{mail}'",
            "plugins = '{com.example.other}'", "is_for_any = true, destinations = '{}', plugins = '{}'",
            "scheme = 'bearer'", "header = 'X-Other'",
            "sealed = (SELECT sealed FROM leat.secret WHERE name = 'other')", "name = 'renamed'",
        ]
    )
    func `A row that was changed by hand opens nothing and stops nothing`(change: String) async throws {
        let keys = try Self.keys(SecretKeys.generate())
        try await Self.with(keys) { catalog in
            let scope = SecretScope(destinations: ["crm"], plugins: ["leat.webhook"])
            _ = try await catalog.set(Self.wish("key", Self.value, scope), by: "a")
            _ = try await catalog.set(Self.wish("other", Self.value, scope), by: "a")
            let tamper = Statement("test.tamper", "UPDATE leat.secret SET \(change) WHERE name = 'key'")
            _ = try await catalog.pool.query(tamper)
            let fresh = try await Self.beside(catalog, keys)
            let name = change.contains("renamed") ? "renamed" : "key"
            #expect(fresh.lockedSecrets == [name: .damaged])
            #expect(try Self.opened("other", fresh) == .success(Self.value))
            // A node that had it open does not go on with what it had.
            _ = try await catalog.set(Self.wish("third"), by: "a")
            #expect(try Self.opened(name, catalog) == .failure(.damaged))
            // Putting a row back that is older is the one thing that cannot be seen; setting it anew heals the rest.
            _ = try await fresh.set(Self.wish(name, Self.value, scope), by: "a")
            #expect(try Self.opened(name, fresh) == .success(Self.value))
        }
    }

    @Test func `A new key takes everything over at once, and the old one can go`() async throws {
        let (old, new) = (SecretKeys.generate(), SecretKeys.generate())
        try await Self.with(try Self.keys(old)) { catalog in
            for number in 0..<5 { _ = try await catalog.set(Self.wish("key-\(number)"), by: "a") }
            let both = try await Self.beside(catalog, try Self.keys("# the new one first", new, old))
            #expect(try Self.opened("key-3", both) == .success(Self.value))
            #expect(try await both.rewrapSecrets(by: "a") == 5)
            #expect(try await both.rewrapSecrets(by: "a") == 0)
            let alone = try await Self.beside(catalog, try Self.keys(new))
            #expect(alone.lockedSecrets.isEmpty)
            #expect(try (0..<5).allSatisfy { try Self.opened("key-\($0)", alone) == .success(Self.value) })
            try await catalog.reload()
            #expect(catalog.lockedSecrets.count == 5)
            // All or none: one that no key opens leaves the others as they are.
            _ = try await catalog.set(Self.wish("key-0"), by: "a")
            _ = try await catalog.set(Self.wish("zzz"), by: "a")
            try await alone.reload()
            let error = await #expect(throws: CatalogError.self) { try await catalog.rewrapSecrets(by: "a") }
            #expect(error?.code == "secret_locked")
            try await alone.reload()
            #expect(alone.lockedSecrets.count == 2)
        }
    }

    @Test func `Keys are read in both notations, and no error repeats one`() throws {
        let hexadecimal = String(repeating: "0f", count: 32)
        let base64 = "Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8="
        let first = try SecretKeys(parsing: hexadecimal)
        #expect(try SecretKeys(parsing: base64 + "\n").currentID == first.currentID)
        #expect(try SecretKeys(parsing: String(base64.dropLast())).currentID == first.currentID)
        let other = SecretKeys.generate()
        let both = try SecretKeys(parsing: "\(other),\(hexadecimal)")
        #expect(both.currentID != first.currentID && both.key(first.currentID) != nil)
        for wrong in ["", "# nothing", "MARK", hexadecimal + "0", String(hexadecimal.dropLast()), base64 + " MARK"] {
            let problem = #expect(throws: SecretKeyProblem.self) { try SecretKeys(parsing: wrong) }
            #expect(problem?.description.contains("MARK") == false && problem?.description.contains("0f0f") == false)
        }
    }
}
