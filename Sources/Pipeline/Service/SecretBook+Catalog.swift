import Catalog
import Delivery
import EventModel

extension SecretBook {
    /// What one destination may have of the catalog's secrets.
    init(
        for destination: Destination,
        through connector: PluginVersion,
        in snapshot: CatalogSnapshot,
        _ vault: SecretVault,
        mayCall: Bool = false
    ) {
        var entries: [String: Entry] = [:]
        for secret in snapshot.secrets {
            entries[secret.name] = Entry(secret, for: destination.name, through: destination.connector.id, vault)
        }
        var tokens: [SecretToken: String] = [:]
        for reference in snapshot.secrets(of: destination) where !reference.isName {
            tokens[vault.token(for: reference.name, of: destination.name)] = reference.name
        }
        let permissions = SecretPermissions(manifest: connector.manifest)
        // Those that the connector may ask for by name are found in its requests too.
        if mayCall {
            for name in entries.keys where permissions.permit(name) {
                tokens[vault.token(for: name, of: destination.name)] = name
            }
        }
        self.init(
            destination: destination.name,
            connector: connector.id,
            permissions: permissions,
            entries: entries,
            tokens: tokens
        )
    }

    /// What a transformation that asks the host for things may have of the catalog's secrets.
    init(ofTransformation plugin: PluginVersion, in snapshot: CatalogSnapshot, _ vault: SecretVault) {
        let permissions = SecretPermissions(manifest: plugin.manifest)
        var entries: [String: Entry] = [:]
        var tokens: [SecretToken: String] = [:]
        for secret in snapshot.secrets where permissions.permit(secret.name) {
            entries[secret.name] = Entry(secret, for: "", through: plugin.id, vault)
            // No destination has such a name.
            tokens[vault.token(for: secret.name, of: "plugin \(plugin.id)")] = secret.name
        }
        self.init(
            destination: "",
            connector: plugin.id,
            permissions: permissions,
            entries: entries,
            tokens: tokens
        )
    }
}

extension SecretBook.Entry {
    fileprivate init(
        _ secret: StoredSecret,
        for destination: String,
        through plugin: String,
        _ vault: SecretVault
    ) {
        // Another nonce is another row.
        let row = secret.sealed.prefix(12).map { String($0, radix: 16) }.joined(separator: ".")
        guard secret.scope.admits(destination: destination, connector: plugin) else {
            let whom = destination.isEmpty ? plugin : destination
            self.init(.refused(secret.refusal(to: whom)), mark: "refused \(secret.scope.words)")
            return
        }
        switch vault.open(secret) {
        case .success(let value): self.init(.open(value, secret.placement), mark: "open \(row)")
        case .failure(let lock):
            self.init(.missing("the secret \"\(secret.name)\" \(lock.reason)"), mark: "locked \(row) \(lock.reason)")
        }
    }
}
