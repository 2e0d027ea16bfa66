import PostgreSQL

private let insertToken = Statement(
    "catalog.add_token",
    "INSERT INTO leat.token (token_hash, name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)
private let deleteToken = Statement("catalog.remove_token", "DELETE FROM leat.token WHERE name = $1")

extension Catalog {
    /// The name of the token that a server makes when it starts for the first time.
    package static let firstTokenName = "first"

    /// Makes the first token if there is none at all.
    ///
    /// - Returns: the token in clear, to be shown this once; nil when there are tokens already.
    package func makeFirstToken() async throws(CatalogError) -> String? {
        let token = Secret.token()
        let isMade = try await changeTokens(by: "leat serve") { snapshot, connection in
            guard snapshot.tokens.isEmpty else { return nil }
            _ = try await connection.query(
                insertToken,
                [.bytes(SecretHash(of: token).bytes), .text(Self.firstTokenName)]
            )
            return ["+ token \(Self.firstTokenName)"]
        }
        return isMade ? token : nil
    }

    /// Makes a token of a new name.
    ///
    /// - Returns: the token in clear, to be shown this once.
    /// - Throws: `exists` when the name is taken.
    package func makeToken(named name: String, by who: String) async throws(CatalogError) -> String {
        let token = Secret.token()
        _ = try await changeTokens(by: who) { snapshot, connection in
            guard !snapshot.tokens.contains(where: { $0.name == name }) else {
                throw CatalogError.exists(noun: "token", name: name)
            }
            _ = try await connection.query(insertToken, [.bytes(SecretHash(of: token).bytes), .text(name)])
            return ["+ token \(name)"]
        }
        return token
    }

    /// Makes a token of this name and ends the one that had it, if there is one.
    ///
    /// - Returns: the token in clear, to be shown this once.
    package func resetToken(named name: String, by who: String) async throws(CatalogError) -> String {
        let token = Secret.token()
        _ = try await changeTokens(by: who) { snapshot, connection in
            let isKnown = snapshot.tokens.contains { $0.name == name }
            _ = try await connection.query(deleteToken, [.text(name)])
            _ = try await connection.query(insertToken, [.bytes(SecretHash(of: token).bytes), .text(name)])
            return (isKnown ? ["- token \(name)"] : []) + ["+ token \(name)"]
        }
        return token
    }

    /// Ends a token; whoever holds it is refused from now on.
    ///
    /// - Throws: `missing`, or `inUse` for the last token, without which nobody could come in again.
    package func removeToken(named name: String, by who: String) async throws(CatalogError) {
        _ = try await changeTokens(by: who) { snapshot, connection in
            guard snapshot.tokens.contains(where: { $0.name == name }) else {
                throw CatalogError.missing(noun: "token", name: name)
            }
            guard snapshot.tokens.count > 1 else {
                throw CatalogError.inUse(noun: "token", name: name, by: ["nobody else's way in"])
            }
            _ = try await connection.query(deleteToken, [.text(name)])
            return ["- token \(name)"]
        }
    }

    private func changeTokens(
        by who: String,
        _ body: @Sendable (CatalogSnapshot, PostgreSQL.Connection) async throws -> [String]?
    ) async throws(CatalogError) -> Bool {
        try await changeAlone(by: who) { snapshot, connection in
            let lines = try await body(snapshot, connection)
            return (lines ?? [], lines != nil)
        }
    }
}

extension Catalog {
    /// Carries out a change that is no part of a plan, alone and in one transaction; what leaves no line changed nothing.
    func changeAlone<Result: Sendable>(
        by who: String,
        _ body: @Sendable (CatalogSnapshot, PostgreSQL.Connection) async throws -> (lines: [String], result: Result)
    ) async throws(CatalogError) -> Result {
        let (isChanged, result) = try await CatalogError.translating {
            try await pool.transaction { connection in
                try await Self.lock(connection)
                let (lines, result) = try await body(try await Self.load(on: connection), connection)
                if !lines.isEmpty { _ = try await Self.end(lines, by: who, on: connection) }
                return (!lines.isEmpty, result)
            }
        }
        if isChanged { try await reload() }
        return result
    }
}
