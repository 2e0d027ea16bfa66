import Catalog
import HTTPTypes

extension AdminAPI {
    var tokenOperations: [Operation] { [listTokens, addToken, revokeToken] }

    private var listTokens: Operation {
        Operation(
            method: .get,
            path: "/tokens",
            id: "listTokens",
            group: "tokens",
            summary: "Lists the tokens' names.",
            answers: [.ok("The tokens, by age.", Schemas.list("tokens", of: "Token"))]
        ) { _ in
            .json(["tokens": .list(catalog.current.tokens.map(\.document))])
        }
    }

    private var addToken: Operation {
        Operation(
            method: .put,
            path: "/tokens/{token}",
            id: "addToken",
            group: "tokens",
            summary: "Makes a token of a new name, shown in this answer only.",
            answers: [.created("The token, shown this once.", Schemas.reference("NewToken"))],
            refusals: [.badRequest, .conflict]
        ) { call in
            let name = try call.name("token")
            guard Slug.isValid(name) else {
                throw APIError.invalid(
                    "A token's name must be 1 to \(Slug.maximumLength) characters of a-z, 0-9 and \"-\"."
                )
            }
            let token = try await catalog.makeToken(named: name, by: call.who)
            return .json(["name": .text(name), "token": .text(token)], status: .created)
        }
    }

    private var revokeToken: Operation {
        Operation(
            method: .delete,
            path: "/tokens/{token}",
            id: "revokeToken",
            group: "tokens",
            summary: "Revokes a token. The last one stays, or nobody could come in again.",
            answers: [.done("It is revoked.")],
            refusals: [.notFound, .conflict]
        ) { call in
            try await catalog.removeToken(named: try call.name("token"), by: call.who)
            return .nothing
        }
    }
}
