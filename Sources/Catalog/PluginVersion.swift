package import EventModel

/// How a destination or a step names its plugin: `id`, which follows the active version, or `id@version`.
package struct PluginReference: Hashable, Sendable, CustomStringConvertible {
    package let id: String
    /// The pinned version; nil follows whichever version is active.
    package let version: String?

    package init(id: String, version: String? = nil) {
        self.id = id
        self.version = version
    }

    package var description: String { version.map { "\(id)@\($0)" } ?? id }
}

/// One uploaded version of a plugin.
package struct PluginVersion: Equatable, Sendable {
    package let id: String
    package let version: String
    package let kind: PluginKind
    /// Names the library's bytes.
    package let digest: PluginDigest
    /// The library's length in bytes.
    package let size: Int64
    /// The manifest as it was uploaded.
    package let manifest: String
    /// - Unit: microseconds since 1970, UTC.
    package let uploadedAt: Int64
    /// Whether references without a version mean this one.
    package let active: Bool

    package init(
        id: String,
        version: String,
        kind: PluginKind,
        digest: PluginDigest,
        size: Int64,
        manifest: String,
        uploadedAt: Int64,
        active: Bool
    ) {
        self.id = id
        self.version = version
        self.kind = kind
        self.digest = digest
        self.size = size
        self.manifest = manifest
        self.uploadedAt = uploadedAt
        self.active = active
    }

    package var reference: PluginReference { PluginReference(id: id, version: version) }
    /// The longest library that is accepted, in bytes.
    package static let maximumBytes = 128 * 1024 * 1024
    /// The longest manifest that is accepted, in bytes.
    package static let maximumManifestBytes = 64 * 1024
}
