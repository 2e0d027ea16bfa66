import Catalog
import EventModel
import HTTPTypes

extension AdminAPI {
    var secretOperations: [Operation] { [listSecrets, readSecret, putSecret, deleteSecret, rewrapSecrets] }

    private var listSecrets: Operation {
        Operation(
            method: .get,
            path: "/secrets",
            id: "listSecrets",
            group: "secrets",
            summary: "Lists the secrets, without their values.",
            answers: [.ok("The secrets by name, and the key that encrypts here.", Schemas.reference("Secrets"))]
        ) { _ in
            let snapshot = catalog.current
            return .json([
                "keyId": .text(catalog.vault.keys?.currentID),
                "secrets": .list(snapshot.secrets.map { $0.document(in: snapshot, catalog.vault) }),
            ])
        }
    }

    private var readSecret: Operation {
        Operation(
            method: .get,
            path: "/secrets/{secret}",
            id: "readSecret",
            group: "secrets",
            summary: "Shows one secret, without its value.",
            answers: [.ok("The secret.", Schemas.reference("Secret"))],
            refusals: [.notFound]
        ) { call in
            let name = try call.name("secret")
            let snapshot = catalog.current
            guard let secret = snapshot.secret(named: name) else { throw APIError.notFound("secret", name) }
            return .json(secret.document(in: snapshot, catalog.vault))
        }
    }

    private var putSecret: Operation {
        Operation(
            method: .put,
            path: "/secrets/{secret}",
            id: "putSecret",
            group: "secrets",
            summary: "Sets a secret. What the body does not name stays as it is; no answer holds a value.",
            queries: [
                .init(
                    name: "force",
                    schema: Schemas.flag(default: false),
                    meaning: "Take it also from destinations that refer to it."
                )
            ],
            body: .json(Schemas.reference("SecretWish")),
            answers: [
                .ok("It was there and is as the body says.", Schemas.reference("Secret")),
                .created("It was created.", Schemas.reference("Secret")),
            ],
            refusals: [.badRequest, .conflict, .contentTooLarge, .unprocessableContent]
        ) { call in
            let name = try call.name("secret")
            let force = try call.flag("force") ?? false
            let wish = try await call.entry(named: ["name": name]) { document, path, problems in
                SecretWish(reading: document, at: path, &problems)
            }
            let isNew = try await catalog.set(wish, force: force, by: call.who)
            let snapshot = catalog.current
            guard let secret = snapshot.secret(named: name) else {
                throw APIError(.conflict, "removed", "The secret was removed again at once.")
            }
            return .json(secret.document(in: snapshot, catalog.vault), status: isNew ? .created : .ok)
        }
    }

    private var deleteSecret: Operation {
        Operation(
            method: .delete,
            path: "/secrets/{secret}",
            id: "deleteSecret",
            group: "secrets",
            summary: "Removes a secret.",
            queries: [
                .init(
                    name: "force",
                    schema: Schemas.flag(default: false),
                    meaning: "Also while destinations refer to it; they wait until there is one of the name again."
                )
            ],
            answers: [.done("It is gone.")],
            refusals: [.notFound, .conflict]
        ) { call in
            let force = try call.flag("force") ?? false
            try await catalog.removeSecret(named: try call.name("secret"), force: force, by: call.who)
            return .nothing
        }
    }

    private var rewrapSecrets: Operation {
        Operation(
            method: .post,
            path: "/secrets/rewrap",
            id: "rewrapSecrets",
            group: "secrets",
            summary: "Encrypts every secret with this server's first key that is under another, all or none.",
            answers: [.ok("How many there were.", Schemas.reference("Rewrapped"))],
            refusals: [.conflict]
        ) { call in
            let count = try await catalog.rewrapSecrets(by: call.who)
            return .json(["rewrapped": .integer(count), "keyId": .text(catalog.vault.keys?.currentID)])
        }
    }
}

extension StoredSecret {
    /// Everything but the value; whether it can be opened is this server's own answer.
    fileprivate func document(in snapshot: CatalogSnapshot, _ vault: SecretVault) -> Document {
        var reason: String?
        if case .failure(let lock) = vault.open(self) { reason = "the secret \"\(name)\" \(lock.reason)" }
        return [
            "name": .text(name),
            "destinations": .list(scope.destinations.map { .text($0) }),
            "plugins": .list(scope.plugins.map { .text($0) }),
            "any": .truth(scope.isAny),
            "as": .text(placement.scheme.rawValue),
            "header": .text(placement.header),
            "keyId": .text(keyID),
            "createdAt": Timestamp.document(createdAt),
            "rotatedAt": Timestamp.document(rotatedAt),
            "changedBy": .text(changedBy),
            "usedBy": .list(snapshot.destinations(referringTo: name).map { .text($0.name) }),
            "state": .text(reason == nil ? "open" : "locked"),
            "reason": .text(reason),
        ]
    }
}
