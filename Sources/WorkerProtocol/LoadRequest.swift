/// What a worker needs to create its plugin; comes through the input arena.
package struct LoadRequest: Equatable, Sendable {
    /// The symbol of the entry function.
    package var entry: String
    /// The id in the manifest, which the binary must confirm.
    package var pluginID: String
    /// The version in the manifest, which the binary must confirm.
    package var pluginVersion: String
    /// Names this instance in the plugin's own logs.
    package var instanceID: String
    /// The configuration, a JSON object that the host checked.
    package var configuration: ArraySlice<UInt8>
    /// The version of the host, for the plugin to read.
    package var hostVersion: String
    /// The kinds in the manifest, which the binary must confirm.
    package var kinds: UInt64
    /// The one kind that this instance shall be.
    package var kind: UInt32
    /// How often this instance was created before, plus 1.
    package var attempt: UInt32

    /// `leat_plugin_entry_v1`.
    package static let defaultEntry = "leat_plugin_entry_v1"

    package init(
        entry: String = LoadRequest.defaultEntry,
        pluginID: String,
        pluginVersion: String,
        instanceID: String,
        configuration: ArraySlice<UInt8>,
        hostVersion: String,
        kinds: UInt64,
        kind: UInt32,
        attempt: UInt32 = 1
    ) {
        self.entry = entry
        self.pluginID = pluginID
        self.pluginVersion = pluginVersion
        self.instanceID = instanceID
        self.configuration = configuration
        self.hostVersion = hostVersion
        self.kinds = kinds
        self.kind = kind
        self.attempt = attempt
    }

    /// The texts in the order in which they are written.
    var texts: [ArraySlice<UInt8>] {
        [
            Array(entry.utf8)[...], Array(pluginID.utf8)[...], Array(pluginVersion.utf8)[...],
            Array(instanceID.utf8)[...], configuration, Array(hostVersion.utf8)[...],
        ]
    }
}
