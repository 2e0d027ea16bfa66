import Catalog
import Crypto
package import EventModel
import HTTPTypes
import HummingbirdCore
import NIOCore
import Synchronization

/// What vetting found in a manifest and a library that fit together.
package struct VettedPlugin: Equatable, Sendable {
    package let id: String
    package let version: String
    package let kind: PluginKind

    package init(id: String, version: String, kind: PluginKind) {
        self.id = id
        self.version = version
        self.kind = kind
    }
}

/// Reads a manifest and looks the library over without running any of it; throws a classified error that says what is
/// wrong with either.
package typealias PluginVetting =
    @Sendable (_ manifest: [UInt8], _ library: [UInt8]) async throws(PluginRefusal) -> VettedPlugin

/// Why a plugin is not taken.
package struct PluginRefusal: Error, Equatable, Sendable {
    package let code: String
    package let message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// Lets one upload at a time hold its library in memory.
final class UploadGate: Sendable {
    private let isBusy = Mutex(false)

    /// Whether the caller may go in; then it must call `leave()`.
    func enter() -> Bool {
        isBusy.withLock { busy in
            defer { busy = true }
            return !busy
        }
    }

    func leave() { isBusy.withLock { $0 = false } }
}

/// The two parts of an upload as they arrive; the library is hashed on the way.
struct ReceivedPlugin {
    private(set) var manifest: [UInt8]?
    private(set) var library: [UInt8]?
    private var hasher = SHA256()
    private var current: Part?

    private enum Part: String { case manifest, library }

    var digest: [UInt8] { Array(hasher.finalize()) }

    mutating func take(_ event: MultipartParser.Event) throws(APIError) {
        switch event {
        case .part(let name):
            guard let part = Part(rawValue: name) else {
                throw .invalid("The upload has a part \"\(name)\"; it may have manifest and library.")
            }
            let isRepeated = part == .manifest ? manifest != nil : library != nil
            guard !isRepeated else { throw .invalid("The upload has the part \"\(name)\" twice.") }
            if part == .manifest { manifest = [] } else { library = [] }
            current = part
        case .bytes(let bytes):
            try take(bytes)
        case .end: break
        }
    }

    private mutating func take(_ bytes: [UInt8]) throws(APIError) {
        switch current {
        case .manifest:
            guard (manifest?.count ?? 0) + bytes.count <= PluginVersion.maximumManifestBytes else {
                throw .tooLarge(PluginVersion.maximumManifestBytes)
            }
            manifest?.append(contentsOf: bytes)
        case .library:
            guard (library?.count ?? 0) + bytes.count <= PluginVersion.maximumBytes else {
                throw .tooLarge(PluginVersion.maximumBytes)
            }
            hasher.update(data: bytes)
            library?.append(contentsOf: bytes)
        case nil: break
        }
    }
}

extension AdminAPI {
    /// Receives, vets and keeps one plugin version.
    func upload(_ call: APICall) async throws -> (plugin: PluginVersion, isNew: Bool) {
        let id = try call.name("plugin")
        let version = try call.name("version")
        let activate = try call.flag("activate")
        guard uploads.enter() else {
            throw APIError(
                .serviceUnavailable,
                "busy",
                "Another plugin is being uploaded; try again in a moment.",
                retryAfter: 5
            )
        }
        defer { uploads.leave() }
        let received = try await receive(call)
        guard let manifest = received.manifest, let library = received.library else {
            throw APIError.invalid("The upload needs two parts, named manifest and library.")
        }
        let vetted: VettedPlugin
        do throws(PluginRefusal) {
            vetted = try await vet(manifest, library)
        } catch {
            throw APIError(.unprocessableContent, error.code, error.message)
        }
        guard vetted.id == id, vetted.version == version else {
            let message =
                "The manifest says \(vetted.id)@\(vetted.version), the path \(id)@\(version); they must agree."
            throw APIError(.unprocessableContent, "manifest_mismatch", message)
        }
        let upload = PluginUpload(
            id: id,
            version: version,
            kind: vetted.kind,
            manifest: String(decoding: manifest, as: UTF8.self),
            library: library,
            sha256: received.digest
        )
        return try await catalog.add(upload, activate: activate, by: call.who)
    }

    private func receive(_ call: APICall) async throws -> ReceivedPlugin {
        guard let type = call.request.headers[.contentType],
            let boundary = MultipartParser.boundary(ofContentType: type)
        else {
            throw APIError(
                .unsupportedMediaType,
                "unsupported_media_type",
                "Send the plugin as multipart/form-data with the parts manifest and library."
            )
        }
        try call.refuseLongBody(atMost: Self.maximumUploadBytes)
        var parser = MultipartParser(boundary: boundary)
        var received = ReceivedPlugin()
        do {
            try await call.read { try parser.feed($0.readableBytesView) { try received.take($0) } }
            try parser.finish()
        } catch let fault as MultipartParser.Fault {
            throw APIError.invalid("The upload \(fault.rawValue).")
        }
        return received
    }
}
