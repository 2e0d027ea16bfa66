import TestSupport
import Testing

@testable import Catalog

@Suite struct TransportDeclarationTests {
    @Test func `Every setting of a destination's transport is read, kept, written out, and told when it differs`()
        async throws
    {
        let authority = try await TestAuthority.make()
        var meant = DestinationTransport()
        meant.certificateAuthority = authority.certificate
        meant.clientCertificate = authority.certificate
        meant.clientKey = "crm-key"
        meant.proxy = DestinationTransport.Proxy("http://Proxy.example:3128")
        meant.proxyAuthorization = "login"
        meant.compressFrom = 1000
        meant.followRedirects = true
        meant.minimumTLS = .v13
        meant.http2 = false
        let lines = authority.certificate.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
        let text = """
            certificateAuthority: |
            \(lines)
            clientCertificate: |
            \(lines)
            clientKey: ${secret:crm-key}
            proxy: http://proxy.example:3128/
            proxyAuthorization: ${secret:login}
            compressFrom: 1000
            followRedirects: true
            minimumTLS: "1.3"
            http2: false
            """
        var problems: [Problem] = []
        #expect(DestinationTransport(reading: try Document.yaml(text), at: "transport", &problems) == meant)
        let stored = try Document.json(meant.document.canonicalJSON)
        #expect(DestinationTransport(reading: stored, at: "transport", &problems) == meant && problems.isEmpty)
        #expect(
            Differences.between(DestinationTransport.standard, meant) == [
                "transport.certificateAuthority", "transport.clientCertificate",
                "transport.clientKey none → ${secret:crm-key}", "transport.proxy none → http://proxy.example:3128",
                "transport.proxyAuthorization none → ${secret:login}",
                "transport.compressFrom none → 1000", "transport.followRedirects false → true",
                "transport.minimumTLS 1.2 → 1.3", "transport.http2 true → false",
            ]
        )
        let wrong = """
            {certificateAuthority: none, proxy: "https://proxy", compressFrom: 0, followRedirects: yes, minimumTLS: "1.1",
             http2: 1, insecure: true}
            """
        _ = DestinationTransport(reading: try Document.yaml(wrong), at: "transport", &problems)
        #expect(
            problems.map(\.description) == [
                "line 1: transport.certificateAuthority: holds no certificate that can be read; it takes certificates as PEM, at most 64 KiB",
                "line 1: transport.proxy: must be the address of a proxy, such as http://proxy:3128, without user and password",
                "line 1: transport.compressFrom: must be a whole number from 1 to 16777216",
                "line 1: transport.followRedirects: must be true or false, but is a text",
                "line 1: transport.minimumTLS: must be \"1.2\" or \"1.3\"",
                "line 2: transport.http2: must be true or false, but is a number",
                "line 2: transport.insecure: is an unknown key; known here: certificateAuthority, clientCertificate, clientKey, compressFrom, followRedirects, http2, minimumTLS, proxy, proxyAuthorization",
            ]
        )
    }

    /// What is wrong with a transport.
    private static func problems(_ text: String) throws -> [String] {
        var problems: [Problem] = []
        _ = DestinationTransport(reading: try Document.yaml(text), at: "transport", &problems)
        return problems.map { "\($0.path): \($0.message)" }
    }

    @Test func `A key or a login in the file itself is refused unread, and so is one without the other`() async throws {
        let authority = try await TestAuthority.make()
        let client = try await authority.issue(["DNS:leat.test"])
        let (pem, key) = (Self.quoted(client.certificate), Self.quoted(client.key))
        let refusal =
            "must refer to a secret as ${secret:NAME}, never be its value; set that with leat secret set NAME --destination DESTINATION < FILE"
        for literal in [key, "\"x ${secret:a}\"", "\"${secret:A}\"", "\"${LEAT_KEY}\"", "\"\""] {
            let told = try Self.problems("{clientCertificate: \(pem), clientKey: \(literal)}")
            #expect(told == ["transport.clientKey: " + refusal], "\(literal)")
        }
        let login = try Self.problems("{proxy: \"http://p:1\", proxyAuthorization: \"leat:MARK\"}")
        #expect(login == ["transport.proxyAuthorization: " + refusal])
        let inAddress = try Self.problems("{proxy: \"http://leat:MARK@p:1\"}")
        #expect(inAddress.count == 1 && inAddress[0].contains("without user and password"))
        for certificate in ["clientCertificate", "certificateAuthority"] {
            let both = Self.quoted(client.certificate + client.key)
            let told = try Self.problems("{\(certificate): \(both), clientKey: \"${secret:a}\"}")
            let message = "holds a private key, which may stand in no configuration; take it out and make it a secret"
            #expect(told.first == "transport.\(certificate): " + message)
        }
        #expect(
            try Self.problems("{clientCertificate: \(pem)}") == [
                "transport.clientCertificate: needs \"clientKey\" beside it: the certificate's private key as ${secret:NAME}"
            ]
        )
        #expect(
            try Self.problems("{clientKey: \"${secret:a}\"}") == [
                "transport.clientKey: needs \"clientCertificate\" beside it: the key's certificate as PEM"
            ]
        )
        let alone = try Self.problems("{proxyAuthorization: \"${secret:a}\"}")
        #expect(alone == ["transport.proxyAuthorization: needs \"proxy\" beside it"])
    }

    private static func quoted(_ pem: String) -> String { "\"\(pem.replacing("\n", with: "\\n"))\"" }

    @Test func `What a transport refers to must be there for the destination, and stays as long as it is referred to`()
        async throws
    {
        let client = try await TestAuthority.make().issue(["DNS:leat.test"])
        let text = """
            destinations:
              - name: crm
                connector: leat.webhook
                config: {url: "https://a"}
                transport:
                  clientCertificate: \(Self.quoted(client.certificate))
                  clientKey: ${secret:crm-key}
                  proxy: http://proxy:3128
                  proxyAuthorization: ${secret:login}
            """
        try await SecretTests.with(try SecretTests.keys(SecretKeys.generate())) { catalog in
            // The manifest names no secret: the connector gets none of these.
            try await CatalogTests.prepare(catalog)
            func problems(_ text: String) async throws -> [String] {
                do {
                    _ = try await catalog.apply(try CatalogTests.declaration(text), by: "test")
                    return []
                } catch CatalogError.refused(let problems) {
                    return problems.map { "\($0.path): \($0.message)" }
                }
            }
            let mail = SecretScope(destinations: ["mail"])
            _ = try await catalog.set(SecretTests.wish("login", "leat:MARK-password", mail), by: "test")
            let missing = "there is no secret \"crm-key\"; set it first: leat secret set crm-key --destination crm"
            let outside =
                "the secret \"login\" is for destination mail and not for the destination \"crm\"; leat secret permit login --destination crm permits it"
            #expect(
                try await problems(text) == [
                    "destinations[0].transport.clientKey: " + missing,
                    "destinations[0].transport.proxyAuthorization: " + outside,
                ]
            )
            _ = try await catalog.set(SecretTests.wish("login", nil, .any), by: "test")
            _ = try await catalog.set(SecretTests.wish("crm-key", client.key), by: "test")
            #expect(try await problems(text) == [])
            let export = Declaration(exporting: catalog.current).document.yaml
            #expect(export.contains("${secret:crm-key}") && export.contains("${secret:login}"))
            #expect(!export.contains("PRIVATE KEY") && !export.contains("MARK"))
            #expect(try await catalog.apply(try CatalogTests.declaration(export), by: "test").plan.isEmpty)
            for name in ["crm-key", "login"] {
                let inUse = CatalogError.inUse(noun: "secret", name: name, by: ["destination \"crm\""])
                await #expect(throws: inUse) { try await catalog.removeSecret(named: name, by: "test") }
                let away = SecretTests.wish(name, nil, mail)
                await #expect(throws: inUse) { try await catalog.set(away, by: "test") }
            }
        }
    }

    @Test func `A destination keeps its transport through the database, an export and an update`() async throws {
        try await CatalogTests.with { catalog in
            try await CatalogTests.prepare(catalog)
            func destination(_ transport: String) throws -> Declaration {
                try CatalogTests.declaration(
                    "destinations: [{name: crm, connector: leat.webhook, config: {url: \"https://a\"}, transport: \(transport)}]"
                )
            }
            _ = try await catalog.apply(try destination("{compressFrom: 512}"), by: "test")
            #expect(catalog.current.destination(named: "crm")?.transport.compressFrom == 512)
            let export = Declaration(exporting: catalog.current).document.yaml
            #expect(try await catalog.apply(try CatalogTests.declaration(export), by: "test").plan.isEmpty)
            let change = try await catalog.apply(try destination("{followRedirects: true}"), by: "test")
            #expect(
                change.plan.lines == [
                    "~ destination crm: transport.compressFrom 512 → none, transport.followRedirects false → true"
                ]
            )
            let kept = try #require(catalog.current.destination(named: "crm")?.transport)
            #expect(kept.compressFrom == nil && kept.followRedirects)
        }
    }
}
