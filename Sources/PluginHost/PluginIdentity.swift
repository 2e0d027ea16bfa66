package import EventModel

/// One plugin version as the host runs it.
package struct PluginIdentity: Hashable, Sendable, CustomStringConvertible {
    /// Reverse-domain, as in the manifest.
    package var id: String
    package var version: String
    /// The file.
    package var digest: PluginDigest
    /// The kinds in the manifest, which the binary must confirm.
    package var kinds: Set<PluginKind>
    /// The symbol of the entry function.
    package var entry: String
    /// How long it wishes to work on one event; nil for the host's own limit.
    package var eventTime: Duration?
    /// How long it wishes to take until it is created; nil for the host's own limit.
    package var creationTime: Duration?
    /// How much memory it wishes to have, in bytes; nil for the host's own limit.
    package var memoryBytes: UInt64?
    /// Whether it may ask the host for things in the middle of its work: it says that it is impure.
    package var mayCall: Bool

    package init(
        id: String,
        version: String,
        digest: PluginDigest,
        kinds: Set<PluginKind>,
        entry: String,
        eventTime: Duration? = nil,
        creationTime: Duration? = nil,
        memoryBytes: UInt64? = nil,
        mayCall: Bool = false
    ) {
        self.id = id
        self.version = version
        self.digest = digest
        self.kinds = kinds
        self.entry = entry
        self.eventTime = eventTime
        self.creationTime = creationTime
        self.memoryBytes = memoryBytes
        self.mayCall = mayCall
    }

    package var description: String { "\(id)@\(version)" }
}

extension PluginIdentity {
    /// The plugin that a manifest describes, with the file that was uploaded for it.
    package init(_ manifest: Manifest, digest: PluginDigest) {
        self.init(
            id: manifest.id,
            version: manifest.version,
            digest: digest,
            kinds: [manifest.kind],
            entry: manifest.entry,
            eventTime: manifest.limits.wallMilliseconds.map { .milliseconds($0) },
            creationTime: manifest.limits.createMilliseconds.map { .milliseconds($0) },
            memoryBytes: manifest.limits.memoryMebibytes.map { UInt64($0) * 1024 * 1024 },
            mayCall: !manifest.isPure
        )
    }
}
