package import EventModel

/// The secrets that one destination may have put into its requests, as one revision of the configuration says.
package struct SecretBook: Sendable, Equatable {
    /// How a secret stands with the destination.
    package enum Standing: Sendable {
        case open(SecretValue, SecretPlacement)
        /// Not to be had now; whoever needs it waits. Says why and what to do, as what follows a colon.
        case missing(String)
        /// Not for this destination; whoever asks for it is refused.
        case refused(String)
    }

    /// One secret, with what tells this state of it from every other.
    package struct Entry: Sendable, Equatable {
        package let standing: Standing
        /// Grows with the secret's changes, and is another for another standing.
        let mark: String

        package init(_ standing: Standing, mark: String) {
            self.standing = standing
            self.mark = mark
        }

        package static func == (left: Entry, right: Entry) -> Bool { left.mark == right.mark }
    }

    /// The destination's name; empty for a transformation, which has none.
    package let destination: String
    /// The connector, which may ask for the secrets that its manifest names.
    let connector: String
    let permissions: SecretPermissions
    /// By the secret's name.
    let entries: [String: Entry]
    /// The names of the secrets that the configuration refers to, by what stands there instead.
    let tokens: [String: String]

    package init(
        destination: String,
        connector: String,
        permissions: SecretPermissions,
        entries: [String: Entry] = [:],
        tokens: [SecretToken: String] = [:]
    ) {
        self.destination = destination
        self.connector = connector
        self.permissions = permissions
        self.entries = entries
        self.tokens = Dictionary(tokens.map { ($0.key.text, $0.value) }) { $1 }
    }

    /// For whoever may have none.
    package static let empty = SecretBook(destination: "", connector: "", permissions: SecretPermissions())

    /// How the secret of a name stands; what nobody has set yet is missing.
    func standing(of name: String) -> Standing {
        guard permissions.permit(name) else { return .refused(SecretPermissions.refusal(name, to: connector)) }
        return standing(ofOwn: name)
    }

    /// How a secret stands that the destination's transport names: the connector neither asks for it nor gets it, so its
    /// manifest has no say.
    package func standing(ofOwn name: String) -> Standing {
        let whom = destination.isEmpty ? "--plugin \(connector)" : "--destination \(destination)"
        return entries[name]?.standing
            ?? .missing("there is no secret \"\(name)\"; leat secret set \(name) \(whom) sets it")
    }

    /// The word that stands for a secret in requests; nil where none does.
    package func word(of name: String) -> String? { tokens.first { $0.value == name }?.key }

    /// Whether the plugin may ask for a secret at all.
    package func permits(_ name: String) -> Bool { permissions.permit(name) }

    /// The values that requests may carry.
    var values: [SecretValue] {
        entries.values.compactMap { entry in
            if case .open(let value, _) = entry.standing, !value.isPEM { value } else { nil }
        }
    }
}

/// Why a request could not be given its secrets.
enum SecretFault: Error, Equatable {
    /// It waits, with everything that the destination is to be sent.
    case missing(String)
    /// It is not sent.
    case refused(DeliveryError)
}
