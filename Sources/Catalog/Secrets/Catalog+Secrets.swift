package import EventModel
import PostgreSQL

private let writeSecret = Statement(
    "catalog.set_secret",
    """
    INSERT INTO leat.secret
        (name, sealed, key_id, destinations, plugins, is_for_any, scheme, header, changed_by, rotated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        sealed = EXCLUDED.sealed, key_id = EXCLUDED.key_id, destinations = EXCLUDED.destinations,
        plugins = EXCLUDED.plugins, is_for_any = EXCLUDED.is_for_any, scheme = EXCLUDED.scheme,
        header = EXCLUDED.header, changed_by = EXCLUDED.changed_by,
        rotated_at = CASE WHEN $10 THEN EXCLUDED.rotated_at ELSE secret.rotated_at END
    """
)
private let deleteSecret = Statement("catalog.remove_secret", "DELETE FROM leat.secret WHERE name = $1")
private let rewriteSecret = Statement(
    "catalog.rewrap_secret",
    "UPDATE leat.secret SET sealed = $2, key_id = $3 WHERE name = $1"
)

/// What somebody wants a secret to be; what is nil stays as it is.
package struct SecretWish: Sendable {
    package let name: String
    package let value: SecretValue?
    package let scope: SecretScope?
    package let placement: SecretPlacement?

    package init(name: String, value: SecretValue?, scope: SecretScope? = nil, placement: SecretPlacement? = nil) {
        self.name = name
        self.value = value
        self.scope = scope
        self.placement = placement
    }
}

extension Catalog {
    /// Makes a secret what somebody wants it to be, encrypted with the node's current key.
    ///
    /// - Returns: whether it is new.
    /// - Throws: `noSecretKey`; `secretLocked` where the value is to stay and cannot be opened here; `inUse` where a
    ///   destination that refers to it would lose it and force does not say that it shall; `refused`.
    package func set(_ wish: SecretWish, force: Bool = false, by who: String) async throws(CatalogError) -> Bool {
        guard let keys = vault.keys else { throw .noSecretKey }
        return try await changeAlone(by: who) { [vault] snapshot, connection in
            let old = snapshot.secret(named: wish.name)
            if old == nil, snapshot.secrets.count >= StoredSecret.maximum {
                throw CatalogError.refused([Problem(Place(), "there are \(StoredSecret.maximum) secrets already")])
            }
            guard let scope = wish.scope ?? old?.scope else {
                let message = "must say where the secret may go: destinations, plugins, or any"
                throw CatalogError.refused([Problem(Place(), message)])
            }
            let placement = wish.placement ?? old?.placement ?? SecretPlacement()
            let value = try Self.value(of: wish, old, vault)
            try Self.check(value, placement)
            if !force { try Self.refuseLoss(of: wish.name, from: old?.scope, to: scope, in: snapshot) }
            let sealed = try SecretSeal.seal(
                value,
                name: wish.name,
                scope: scope,
                placement: placement,
                with: keys.current
            )
            _ = try await connection.query(
                writeSecret,
                [
                    .text(wish.name), .bytes(sealed), .text(keys.currentID), .textArray(scope.destinations),
                    .textArray(scope.plugins), .bool(scope.isAny), .text(placement.scheme.rawValue),
                    .text(placement.header), .text(who), .bool(wish.value != nil),
                ]
            )
            return ([Self.line(wish, old, scope, placement)], old == nil)
        }
    }

    /// Ends a secret.
    ///
    /// - Throws: `missing`; `inUse` while configurations refer to it, unless forced: then what needs it waits.
    package func removeSecret(named name: String, force: Bool = false, by who: String) async throws(CatalogError) {
        _ = try await changeAlone(by: who) { snapshot, connection in
            guard snapshot.secret(named: name) != nil else { throw CatalogError.missing(noun: "secret", name: name) }
            let users = snapshot.destinations(referringTo: name).map { "destination \"\($0.name)\"" }
            guard force || users.isEmpty else { throw CatalogError.inUse(noun: "secret", name: name, by: users) }
            _ = try await connection.query(deleteSecret, [.text(name)])
            return (["- secret \(name)"], true)
        }
    }

    /// Encrypts every secret with the node's current key that is under another, all or none.
    ///
    /// - Returns: how many they were.
    /// - Throws: `noSecretKey`, or `secretLocked` for what no key of the node opens.
    package func rewrapSecrets(by who: String) async throws(CatalogError) -> Int {
        guard let keys = vault.keys else { throw .noSecretKey }
        return try await changeAlone(by: who) { [vault] snapshot, connection in
            let others = snapshot.secrets.filter { $0.keyID != keys.currentID }
            guard !others.isEmpty else { return ([], 0) }
            for secret in others {
                let value = try vault.open(secret).mapError { CatalogError.secretLocked(secret.name, $0) }.get()
                let sealed = try SecretSeal.seal(
                    value,
                    name: secret.name,
                    scope: secret.scope,
                    placement: secret.placement,
                    with: keys.current
                )
                _ = try await connection.query(
                    rewriteSecret,
                    [.text(secret.name), .bytes(sealed), .text(keys.currentID)]
                )
            }
            return (["~ secrets: \(others.count) encrypted anew with the key \(keys.currentID)"], others.count)
        }
    }

    private static func value(
        of wish: SecretWish,
        _ old: StoredSecret?,
        _ vault: SecretVault
    ) throws(CatalogError) -> SecretValue {
        if let value = wish.value { return value }
        guard let old else { throw .refused([Problem(Place(path: "value"), "is missing, and the secret is new")]) }
        do throws(SecretVault.Lock) {
            return try vault.open(old).get()
        } catch {
            throw .secretLocked(wish.name, error)
        }
    }

    private static func check(_ value: SecretValue, _ placement: SecretPlacement) throws(CatalogError) {
        if let problem = placement.problem { throw .refused([Problem(Place(path: "header"), problem)]) }
        let hasColon = value.reveal { $0.contains(UInt8(ascii: ":")) }
        guard placement.scheme != .basic || hasColon else {
            let message = "must be a user and a password with a colon between them for basic"
            throw .refused([Problem(Place(path: "value"), message)])
        }
    }

    /// Nobody who refers to a secret shall lose it by the way.
    private static func refuseLoss(
        of name: String,
        from old: SecretScope?,
        to new: SecretScope,
        in snapshot: CatalogSnapshot
    ) throws(CatalogError) {
        guard let old, old != new else { return }
        let losers = snapshot.destinations(referringTo: name).filter { destination in
            old.admits(destination: destination.name, connector: destination.connector.id)
                && !new.admits(destination: destination.name, connector: destination.connector.id)
        }
        guard losers.isEmpty else {
            throw .inUse(noun: "secret", name: name, by: losers.map { "destination \"\($0.name)\"" })
        }
    }

    /// What the audit trail says: never anything of the value.
    private static func line(
        _ wish: SecretWish,
        _ old: StoredSecret?,
        _ scope: SecretScope,
        _ placement: SecretPlacement
    ) -> String {
        let place = "\(placement.scheme.rawValue) in \(placement.header)"
        guard let old else { return "+ secret \(wish.name) for \(scope.words) (\(place))" }
        var differences: [String] = []
        if wish.value != nil { differences.append("value") }
        if old.scope != scope { differences.append("for \(old.scope.words) → \(scope.words)") }
        if old.placement != placement {
            differences.append("\(old.placement.scheme.rawValue) in \(old.placement.header) → \(place)")
        }
        return "~ secret \(wish.name): \(differences.isEmpty ? "nothing" : differences.joined(separator: ", "))"
    }
}
