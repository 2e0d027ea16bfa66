import Foundation
package import NIOSSL

/// A certificate authority that lives as long as a test: nothing of it is kept, and nobody else trusts it.
package final class TestAuthority: Sendable {
    /// A certificate with its key, as PEM.
    package struct Identity: Sendable {
        package let certificate: String
        package let key: String

        /// What a server with this identity speaks; `clients` is who must have signed the certificates of its clients.
        package func server(demanding clients: TestAuthority? = nil, http2: Bool = false) throws -> NIOSSLContext {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))
            )
            if http2 { configuration.applicationProtocols = ["h2", "http/1.1"] }
            if let clients {
                configuration.trustRoots = .certificates(
                    try NIOSSLCertificate.fromPEMBytes(Array(clients.certificate.utf8))
                )
                configuration.certificateVerification = .noHostnameVerification
            }
            return try NIOSSLContext(configuration: configuration)
        }
    }

    /// The authority's own certificate, as PEM.
    package let certificate: String
    private let folder: TemporaryFolder

    /// Makes an authority by the `openssl` program.
    package static func make() async throws -> TestAuthority {
        let folder = TemporaryFolder()
        let path = folder.path
        try await openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path + "/ca.key"])
        try await openssl([
            "req", "-x509", "-new", "-key", path + "/ca.key", "-subj", "/CN=Authority of a test", "-days", "2",
            "-out", path + "/ca.pem",
        ])
        return TestAuthority(certificate: try text(path + "/ca.pem"), folder: folder)
    }

    private init(certificate: String, folder: TemporaryFolder) {
        self.certificate = certificate
        self.folder = folder
    }

    /// Signs a certificate for names such as `DNS:example.test` and `IP:127.0.0.1`; with -1 `days` it has expired.
    package func issue(_ names: [String], days: Int = 2) async throws -> Identity {
        let path = folder.path + "/" + UUID().uuidString
        try await Self.openssl([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            path + ".key", "-subj", "/CN=one of a test", "-out", path + ".csr",
        ])
        try "subjectAltName=\(names.joined(separator: ","))\n".write(
            toFile: path + ".ext",
            atomically: false,
            encoding: .utf8
        )
        try await Self.openssl([
            "x509", "-req", "-in", path + ".csr", "-CA", folder.path + "/ca.pem", "-CAkey", folder.path + "/ca.key",
            "-set_serial", String(Int.random(in: 1...Int.max)), "-days", String(days), "-extfile", path + ".ext",
            "-out", path + ".pem",
        ])
        return Identity(certificate: try Self.text(path + ".pem"), key: try Self.text(path + ".key"))
    }

    private static func openssl(_ words: [String]) async throws {
        let result = try await Program.run(["openssl"] + words)
        guard result.status == 0 else { throw Failed(words: result.errors) }
    }

    private static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private struct Failed: Error {
        let words: String
    }
}
