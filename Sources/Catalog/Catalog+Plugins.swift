package import EventModel
import PostgreSQL

private let addPlugin = Statement(
    "catalog.add_plugin",
    "INSERT INTO leat.plugin (plugin_id, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING"
)
private let addFile = Statement(
    "catalog.add_plugin_file",
    "INSERT INTO leat.plugin_file (sha256, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    timeout: .seconds(300)
)
private let addVersion = Statement(
    "catalog.add_plugin_version",
    """
    INSERT INTO leat.plugin_version (plugin_id, version, sha256, size, manifest) VALUES ($1, $2, $3, $4, $5)
    """
)
private let setActive = Statement(
    "catalog.set_active_version",
    "UPDATE leat.plugin SET active_version = $2 WHERE plugin_id = $1"
)
private let readFile = Statement(
    "catalog.read_plugin_file",
    "SELECT bytes FROM leat.plugin_file WHERE sha256 = decode($1, 'hex')",
    timeout: .seconds(300)
)

/// A plugin version on its way into the catalog, vetted.
package struct PluginUpload: Sendable {
    package let id: String
    package let version: String
    package let kind: PluginKind
    package let manifest: String
    package let library: [UInt8]
    /// The SHA-256 of the library.
    package let sha256: [UInt8]

    package init(
        id: String,
        version: String,
        kind: PluginKind,
        manifest: String,
        library: [UInt8],
        sha256: [UInt8]
    ) {
        self.id = id
        self.version = version
        self.kind = kind
        self.manifest = manifest
        self.library = library
        self.sha256 = sha256
    }
}

extension Catalog {
    /// Keeps a plugin version and, if `activate` says so, makes it the active one.
    ///
    /// Nil activates a version that is new and none that is there already: whoever repeats an old upload must not take
    /// everybody back to it.
    ///
    /// - Returns: the version and whether it is new.
    /// - Throws: `versionExists` when this version was uploaded with other contents, `otherKind` when the plugin's
    ///   other versions are of another kind.
    package func add(
        _ upload: PluginUpload,
        activate: Bool?,
        by who: String
    ) async throws(CatalogError) -> (plugin: PluginVersion, isNew: Bool) {
        let hex = upload.sha256.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let reference = PluginReference(id: upload.id, version: upload.version)
        let isNew = try await CatalogError.translating {
            try await pool.transaction { connection in
                try await Self.lock(connection)
                let snapshot = try await Self.load(on: connection)
                let known = snapshot.plugin(reference)
                if let known, known.digest.rawValue != hex || known.manifest != upload.manifest {
                    throw CatalogError.versionExists(id: upload.id, version: upload.version)
                }
                if let other = snapshot.plugins.first(where: { $0.id == upload.id }), other.kind != upload.kind {
                    throw CatalogError.otherKind(id: upload.id, is: other.kind)
                }
                var lines: [String] = []
                if known == nil {
                    try await Self.write(upload, on: connection)
                    lines.append(Change.uploadPlugin(id: upload.id, version: upload.version).line)
                }
                let active = snapshot.plugin(PluginReference(id: upload.id))?.version
                if activate ?? (known == nil), active != upload.version {
                    try Self.check(upload.id, upload.version, upload.manifest, snapshot)
                    _ = try await connection.query(setActive, [.text(upload.id), .text(upload.version)])
                    let change = Change.activatePlugin(id: upload.id, version: upload.version, instead: active)
                    lines.append(change.line)
                }
                if !lines.isEmpty { _ = try await Self.end(lines, by: who, on: connection) }
                return known == nil
            }
        }
        try await reload()
        guard let plugin = current.plugin(reference) else {
            throw .missing(noun: "plugin", name: reference.description)
        }
        return (plugin, isNew)
    }

    /// Makes an uploaded version the one that references without a version mean.
    package func activate(id: String, version: String, by who: String) async throws(CatalogError) -> Applied {
        try await change(by: who) { snapshot throws(CatalogError) in
            let reference = PluginReference(id: id, version: version)
            guard let plugin = snapshot.plugin(reference) else {
                throw .missing(noun: "plugin version", name: reference.description)
            }
            let active = snapshot.plugin(PluginReference(id: id))?.version
            if !plugin.active { try Self.check(id, version, plugin.manifest, snapshot) }
            return plugin.active ? [] : [.activatePlugin(id: id, version: version, instead: active)]
        }
    }

    /// The bytes of a library.
    package func pluginFile(_ digest: PluginDigest) async throws(CatalogError) -> [UInt8] {
        try await CatalogError.translating {
            guard let row = try await pool.query(readFile, [.text(digest.rawValue)]).first else {
                throw CatalogError.missing(noun: "plugin file", name: digest.rawValue)
            }
            return try row.bytes(0)
        }
    }

    /// - Throws: `refused` when somebody who would follow this version has a configuration that it does not take.
    private static func check(
        _ id: String,
        _ version: String,
        _ manifest: String,
        _ snapshot: CatalogSnapshot
    ) throws(CatalogError) {
        let misfits = snapshot.misfits(activating: id, manifest: manifest)
        guard !misfits.isEmpty else { return }
        throw .refused(misfits.map { Problem(Place(), "version \(version) \($0); apply both together in one file") })
    }

    private static func write(
        _ upload: PluginUpload,
        on connection: PostgreSQL.Connection
    ) async throws {
        _ = try await connection.query(addPlugin, [.text(upload.id), .text(upload.kind.rawValue)])
        _ = try await connection.query(addFile, [.bytes(upload.sha256), .bytes(upload.library)])
        _ = try await connection.query(
            addVersion,
            [
                .text(upload.id), .text(upload.version), .bytes(upload.sha256), .int8(Int64(upload.library.count)),
                .text(upload.manifest),
            ]
        )
    }
}
