import Catalog
import Delivery
import EventModel

extension SecretBook {
    /// What one destination may have of the catalog's secrets.
    init(
        for destination: Destination,
        through connector: PluginVersion,
        in snapshot: CatalogSnapshot,
        _ vault: SecretVault
    ) {
        var entries: [String: Entry] = [:]
        for secret in snapshot.secrets {
            entries[secret.name] = Entry(secret, for: destination, vault)
        }
        var tokens: [SecretToken: String] = [:]
        for reference in snapshot.secrets(of: destination) where !reference.isName {
            tokens[vault.token(for: reference.name, of: destination.name)] = reference.name
        }
        self.init(
            destination: destination.name,
            connector: connector.id,
            permissions: SecretPermissions(manifest: connector.manifest),
            entries: entries,
            tokens: tokens
        )
    }
}

extension SecretBook.Entry {
    fileprivate init(_ secret: StoredSecret, for destination: Destination, _ vault: SecretVault) {
        // Another nonce is another row.
        let row = secret.sealed.prefix(12).map { String($0, radix: 16) }.joined(separator: ".")
        guard secret.scope.admits(destination: destination.name, connector: destination.connector.id) else {
            self.init(.refused(secret.refusal(to: destination.name)), mark: "refused \(secret.scope.words)")
            return
        }
        switch vault.open(secret) {
        case .success(let value): self.init(.open(value, secret.placement), mark: "open \(row)")
        case .failure(let lock):
            self.init(.missing("the secret \"\(secret.name)\" \(lock.reason)"), mark: "locked \(row) \(lock.reason)")
        }
    }
}
