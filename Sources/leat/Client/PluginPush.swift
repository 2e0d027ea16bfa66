import Catalog
import Crypto
import EventModel
import Foundation
import NIOCore

/// A plugin on this machine on its way to a server.
struct PluginPush {
    let id: String
    let version: String
    let kind: PluginKind
    let sha256: String
    private let manifest: [UInt8]
    private let library: [UInt8]

    /// Reads both files and, from the manifest, what they are.
    static func read(library: String, manifest: String) throws(RuntimeError) -> PluginPush {
        let text = try bytes(of: manifest, atMost: PluginVersion.maximumManifestBytes)
        let document: Document
        do {
            document = try Document.json(text[...])
        } catch {
            throw RuntimeError("\(manifest)\(error.line.map { ":\($0)" } ?? ""): the manifest \(error.message).")
        }
        guard let id = document["id"]?.string, let version = document["version"]?.string,
            Slug.isPluginID(id), Slug.isVersion(version)
        else {
            throw RuntimeError("\(manifest): the manifest has no id and version such as com.example.mask and 1.0.0.")
        }
        guard let kind = document["kind"]?.string.flatMap(PluginKind.init(rawValue:)) else {
            let known = PluginKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw RuntimeError("\(manifest): the manifest's kind is none of \(known).")
        }
        return PluginPush(
            id: id,
            version: version,
            kind: kind,
            manifest: text,
            library: try bytes(of: library, atMost: PluginVersion.maximumBytes)
        )
    }

    private init(id: String, version: String, kind: PluginKind, manifest: [UInt8], library: [UInt8]) {
        self.id = id
        self.version = version
        self.kind = kind
        self.manifest = manifest
        self.library = library
        sha256 = SHA256.hash(data: library).map { String(format: "%02x", $0) }.joined()
    }

    /// What a declaration says of it once its files are left out.
    func declared(at place: Place) -> DeclaredPlugin {
        DeclaredPlugin(id: id, version: version, kind: kind, sha256: sha256, place: place)
    }

    /// Uploads it and says so; a server that has it already keeps what it has, and by itself what is active.
    func push(with client: AdminClient, activate: Bool?) async throws {
        let path = "/plugins/\(AdminClient.encoded(id))/versions/\(AdminClient.encoded(version))"
        Terminal.progress("uploading \(id)@\(version), \(Units.bytes(Double(library.count)))")
        let plugin = try await client.call(
            .put,
            path,
            query: activate.map { [("activate", "\($0)")] } ?? [],
            body: form,
            timeout: AdminClient.uploadTimeout
        )
        Terminal.finish(
            "Uploaded \(id)@\(version), \(Units.bytes(Double(library.count))), sha256 \(plugin.word("sha256"))."
        )
        if activate == nil, plugin["active"]?.truth == false {
            Terminal.line("It was there already and is not active; leat plugin activate \(id) \(version) changes that.")
        }
    }

    private var form: AdminClient.Body {
        let boundary = "leat-\(UUID().uuidString)"
        var bytes = ByteBuffer()
        bytes.reserveCapacity(manifest.count + library.count + 1024)
        for (name, type, content) in [
            ("manifest", "application/json", manifest), ("library", "application/octet-stream", library),
        ] {
            bytes.writeString(
                "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"\(name)\"\r\n"
            )
            bytes.writeString("Content-Type: \(type)\r\n\r\n")
            bytes.writeBytes(content)
            bytes.writeString("\r\n")
        }
        bytes.writeString("--\(boundary)--\r\n")
        return AdminClient.Body(type: "multipart/form-data; boundary=\(boundary)", bytes: bytes)
    }

    private static func bytes(of path: String, atMost limit: Int) throws(RuntimeError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RuntimeError("The file \(path) cannot be read.")
        }
        guard data.count <= limit else {
            throw RuntimeError("The file \(path) is longer than the \(Units.bytes(Double(limit))) that are allowed.")
        }
        return Array(data)
    }
}
