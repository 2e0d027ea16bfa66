import Crypto
package import EventModel
import Synchronization

/// Opens the secrets of the catalog on this node, with the keys that its operator gave it, and makes their tokens.
///
/// - Owner: the catalog.
package final class SecretVault: Sendable {
    /// Why a secret cannot be had.
    package enum Lock: Error, Equatable, Sendable {
        /// The node has no key at all.
        case noKey(needed: String)
        /// The node has not the key that it was encrypted with.
        case otherKey(needed: String)
        /// Its row is not what was encrypted.
        case damaged

        /// What follows the words "the secret x".
        package var reason: String {
            switch self {
            case .noKey(let id):
                "needs the key \(id), and this server has none; give it with --secret-key-file or LEAT_SECRET_KEY"
            case .otherKey(let id):
                "needs the key \(id), which this server does not have; give it beside its own with --secret-key-file"
            case .damaged: "cannot be opened because its row is damaged or was changed by hand; set it again"
            }
        }
    }

    /// A value with what it was opened from.
    private struct Opened {
        let secret: StoredSecret
        let value: SecretValue

        func isOf(_ other: StoredSecret) -> Bool {
            secret.sealed == other.sealed && secret.scope == other.scope && secret.placement == other.placement
        }
    }

    package let keys: SecretKeys?
    /// What was opened, by the name.
    private let opened = Mutex<[String: Opened]>([:])
    /// Makes tokens; another one in each run.
    private let tokenKey = SymmetricKey(size: .bits256)

    package init(keys: SecretKeys? = nil) { self.keys = keys }

    /// The value of a secret.
    package func open(_ secret: StoredSecret) -> Result<SecretValue, Lock> {
        if let known = opened.withLock({ $0[secret.name] }), known.isOf(secret) { return .success(known.value) }
        guard let keys else { return .failure(.noKey(needed: secret.keyID)) }
        guard let key = keys.key(secret.keyID) else { return .failure(.otherKey(needed: secret.keyID)) }
        guard let value = SecretSeal.open(secret, with: key) else { return .failure(.damaged) }
        opened.withLock { $0[secret.name] = Opened(secret: secret, value: value) }
        return .success(value)
    }

    /// Forgets what is not kept any more.
    func forget(allBut secrets: [StoredSecret]) {
        let names = Set(secrets.map(\.name))
        opened.withLock { opened in opened = opened.filter { names.contains($0.key) } }
    }

    /// What stands for a secret in the configuration of one destination: the same on all its lanes, as long as this run
    /// lasts.
    package func token(for name: String, of destination: String) -> SecretToken {
        let words = Array("\(destination)\u{0}\(name)".utf8)
        return SecretToken(HMAC<SHA256>.authenticationCode(for: words, using: tokenKey))
    }
}
