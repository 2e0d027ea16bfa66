import AsyncHTTPClient
import NIOSSL

/// How requests to one destination travel: what both ends prove, by which way, and in what form.
///
/// Equal settings share their connections, however many destinations have them. Compared by a number that is made once,
/// so that finding a connection costs no more than finding a word.
package final class Transport: Sendable, Hashable {
    /// What an operator may say of it.
    package struct Settings: Hashable, Sendable {
        /// Who may sign the destination's certificate, instead of whom the system trusts.
        /// - Shape: certificates as PEM.
        package var certificateAuthority: String?
        /// What the destination is shown.
        /// - Shape: a certificate and those between it and its root, as PEM.
        package var clientCertificate: String?
        /// - Shape: PEM; never shown.
        package var clientKey: String?
        package var minimumTLS = MinimumTLS.v12
        package var http2 = true
        package var proxy: Proxy?
        /// Bodies from so many bytes on are compressed with gzip.
        package var compressesFrom: Int?
        package var followsRedirects = false

        package init() {}
    }

    /// The oldest version of TLS that is spoken.
    package enum MinimumTLS: String, Sendable, CaseIterable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// A server that is asked by CONNECT to open the way, for plain requests too.
    package struct Proxy: Hashable, Sendable {
        package var host: String
        package var port: Int
        package var user: String?
        package var password: String?

        package init(host: String, port: Int, user: String? = nil, password: String? = nil) {
            self.host = host
            self.port = port
            self.user = user
            self.password = password
        }
    }

    package let settings: Settings
    /// What is wrong with the certificates or the key, without a word of them; nothing is sent then.
    package let problem: String?
    private let tls: TLSConfiguration
    private let number: Int

    /// The system's roots, TLS 1.2 at least, HTTP/2 where it is offered.
    package static let standard = Transport(Settings())

    package init(_ settings: Settings) {
        self.settings = settings
        number = settings.hashValue
        do throws(Flaw) {
            tls = try Self.configuration(settings)
            problem = nil
        } catch {
            tls = TLSConfiguration.makeClientConfiguration()
            problem = error.words
        }
    }

    private struct Flaw: Error {
        let words: String
    }

    private static func configuration(_ settings: Settings) throws(Flaw) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = settings.minimumTLS == .v13 ? .tlsv13 : .tlsv12
        if let authority = settings.certificateAuthority {
            tls.trustRoots = .certificates(try certificates(authority, "certificate authority"))
        }
        if let certificate = settings.clientCertificate {
            tls.certificateChain = try certificates(certificate, "client certificate").map { .certificate($0) }
        }
        if let key = settings.clientKey {
            guard let key = try? NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem) else {
                throw Flaw(words: "the client key is no private key as PEM that can be read without a passphrase")
            }
            tls.privateKey = .privateKey(key)
        }
        // Says already here whether a key belongs to its certificate.
        guard settings == Settings() || (try? NIOSSLContext(configuration: tls)) != nil else {
            let isShown = settings.clientCertificate != nil
            let words =
                isShown ? "the client certificate and the client key do not belong together" : "TLS cannot be begun"
            throw Flaw(words: words)
        }
        return tls
    }

    private static func certificates(_ text: String, _ what: String) throws(Flaw) -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)), !found.isEmpty else {
            throw Flaw(words: "the \(what) cannot be read as PEM")
        }
        return found
    }

    package static func == (left: Transport, right: Transport) -> Bool {
        left === right || left.number == right.number && left.settings == right.settings
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(number) }

    /// What a client of this transport is configured with, beside whom it connects to.
    func apply(to configuration: inout HTTPClient.Configuration, proxyAddress: String?) {
        configuration.tlsConfiguration = tls
        configuration.httpVersion = settings.http2 ? .automatic : .http1Only
        guard let proxy = settings.proxy else { return }
        configuration.proxy =
            if let user = proxy.user {
                .server(
                    host: proxyAddress ?? proxy.host,
                    port: proxy.port,
                    authorization: .basic(username: user, password: proxy.password ?? "")
                )
            } else {
                .server(host: proxyAddress ?? proxy.host, port: proxy.port)
            }
    }
}

extension Transport {
    /// What keeps a destination's requests from going at all, until somebody acts.
    package enum Hindrance: Error, Equatable, Sendable {
        /// A secret is not to be had; says which, why, and what to do.
        case missing(String)
        /// Certificate, key or login are there and cannot be used; says what is wrong.
        case unusable(String)

        package var words: String {
            switch self {
            case .missing(let words), .unusable(let words): words
            }
        }
    }
}

/// Printed without anything of it, for the key is among it.
extension Transport.Settings: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// The same for the password.
extension Transport.Proxy: CustomReflectable {
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
