package import EventModel
package import PostgreSQL

/// Why the configuration was not read or not changed.
package enum CatalogError: ClassifiedError, Equatable {
    /// The database could not do it; its own error says whether later helps.
    case database(PostgreSQLError)
    /// The change contradicts itself or what is there; nothing was done.
    case refused([Problem])
    /// Something with this name does not exist.
    case missing(noun: String, name: String)
    /// The thing is still in use by these.
    case inUse(noun: String, name: String, by: [String])
    /// The version was uploaded before with other contents; versions never change.
    case versionExists(id: String, version: String)
    /// A plugin's versions are all of one kind.
    case otherKind(id: String, is: PluginKind)
    /// The node has no key to encrypt a secret with.
    case noSecretKey
    /// The node cannot open the secret of this name.
    case secretLocked(String, SecretVault.Lock)
    /// A name is taken.
    case exists(noun: String, name: String)

    package var code: String {
        switch self {
        case .database(let error): error.code
        case .refused: "refused"
        case .missing: "not_found"
        case .inUse: "in_use"
        case .versionExists: "version_exists"
        case .otherKind: "other_kind"
        case .exists: "exists"
        case .noSecretKey: "no_secret_key"
        case .secretLocked: "secret_locked"
        }
    }

    package var disposition: Disposition {
        if case .database(let error) = self { return error.disposition }
        return .bury
    }

    package var description: String {
        switch self {
        case .database(let error): error.description
        case .refused(let problems): problems.map(\.description).joined(separator: "\n")
        case .missing(let noun, let name): "There is no \(noun) \"\(name)\"."
        case .inUse(let noun, let name, let users):
            "The \(noun) \"\(name)\" is in use by \(users.joined(separator: ", ")); remove that first."
        case .versionExists(let id, let version):
            "Version \(version) of \"\(id)\" was uploaded before with other contents; raise the version."
        case .otherKind(let id, let kind):
            "The plugin \"\(id)\" is of kind \(kind.rawValue) in its other versions; use another id."
        case .exists(let noun, let name): "There is a \(noun) \"\(name)\" already."
        case .noSecretKey:
            "This server has no key to encrypt secrets with. Make one, openssl rand -base64 32 > FILE, and start every "
                + "server on this database with --secret-key-file FILE, or with the key itself in LEAT_SECRET_KEY."
        case .secretLocked(let name, let lock): "The secret \"\(name)\" \(lock.reason)."
        }
    }
}
