package import EventModel

/// A secret as the catalog keeps it: encrypted, with everything about it that is no secret.
package struct StoredSecret: Equatable, Sendable {
    package let name: String
    package let scope: SecretScope
    package let placement: SecretPlacement
    /// - Shape: nonce, ciphertext and tag of AES-256-GCM.
    package let sealed: [UInt8]
    /// Names the key that it was encrypted with.
    package let keyID: String
    /// - Unit: microseconds since 1970, UTC.
    package let createdAt: Int64
    /// When its value was set last.
    /// - Unit: microseconds since 1970, UTC.
    package let rotatedAt: Int64
    /// The token of whoever changed it last.
    package let changedBy: String

    package init(
        name: String,
        scope: SecretScope,
        placement: SecretPlacement,
        sealed: [UInt8],
        keyID: String,
        createdAt: Int64,
        rotatedAt: Int64,
        changedBy: String
    ) {
        self.name = name
        self.scope = scope
        self.placement = placement
        self.sealed = sealed
        self.keyID = keyID
        self.createdAt = createdAt
        self.rotatedAt = rotatedAt
        self.changedBy = changedBy
    }

    /// The most secrets that are kept.
    package static let maximum = 1000

    /// Why a text can be no secret's name, as what follows the words "the name"; nil when it can.
    package static func problem(withName name: String) -> String? {
        guard Slug.isValid(name) else { return "must be 1 to \(Slug.maximumLength) characters of a-z, 0-9 and \"-\"" }
        return name == "rewrap" ? "is taken by a call of the interface" : nil
    }
}
