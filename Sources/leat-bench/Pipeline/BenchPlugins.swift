import ArgumentParser
import Catalog
import Crypto
import EventModel
import Foundation
import PluginHost

/// The plugins that events go through on their way to the sink.
struct BenchPlugins: ParsableArguments {
    @Option(help: "The webhook connector's library.")
    var connector: String

    @Option(help: "The connector's manifest.")
    var connectorManifest: String

    /// The connector's name.
    var connectorID: String { get throws { try Self.manifest(connectorManifest).id } }

    /// Workers of the connector, whatever catalog names it.
    func workshop(_ launcher: Launcher) throws -> Workshop {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: connector)))
        let digest = PluginDigest(of: bytes)
        let library = PluginLibrary { $0 == digest ? bytes : nil }
        return try Workshop(launcher: launcher, library: library, timings: TimingRecorder())
    }

    /// Uploads the connector and applies a declaration.
    func set(_ text: String, in catalog: Catalog) async throws {
        let upload = try Self.upload(connector, connectorManifest)
        _ = try await catalog.add(upload, activate: true, by: "bench")
        let (declaration, problems) = Declaration.read(try Document.yaml(text))
        guard problems.isEmpty else { throw ValidationError("\(problems)") }
        _ = try await catalog.apply(declaration, by: "bench")
    }

    static func manifest(_ path: String) throws -> Manifest {
        try Manifest(parsing: [UInt8](try Data(contentsOf: URL(filePath: path))))
    }

    static func upload(_ library: String, _ manifest: String) throws -> PluginUpload {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: library)))
        let read = try Self.manifest(manifest)
        return PluginUpload(
            id: read.id,
            version: read.version,
            kind: read.kind,
            manifest: try String(contentsOfFile: manifest, encoding: .utf8),
            library: bytes,
            sha256: Array(SHA256.hash(data: bytes))
        )
    }
}
