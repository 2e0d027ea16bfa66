package import EventModel

/// One plugin version as the host runs it.
package struct PluginIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Reverse-domain, as in the manifest.
    package var id: String
    package var version: String
    /// The file.
    package var digest: PluginDigest
    /// The kinds in the manifest, which the binary must confirm; bits as in `leat/plugin.h`.
    package var kinds: UInt64
    /// The symbol of the entry function.
    package var entry: String

    package init(
        id: String,
        version: String,
        digest: PluginDigest,
        kinds: UInt64,
        entry: String
    ) {
        self.id = id
        self.version = version
        self.digest = digest
        self.kinds = kinds
        self.entry = entry
    }

    package var description: String { "\(id)@\(version)" }
}
