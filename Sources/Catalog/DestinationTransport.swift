import EventModel
import NIOSSL

/// How requests to one destination travel: whom it trusts, by which way they go, and in what form.
package struct DestinationTransport: Hashable, Sendable {
    /// Who may have signed the destination's certificate, instead of whom the system trusts.
    /// - Shape: certificates as PEM.
    package var certificateAuthority: String?
    /// What the destination is shown.
    /// - Shape: a certificate and those between it and its root, as PEM.
    package var clientCertificate: String?
    /// The name of the secret that is the certificate's private key as PEM.
    package var clientKey: String?
    /// Who is asked to open the way to the destination.
    package var proxy: Proxy?
    /// The name of the secret that the proxy is shown, a user and a password with a colon between them.
    package var proxyAuthorization: String?
    /// Bodies of so many bytes and more are compressed with gzip; nil compresses none.
    package var compressFrom: Int?
    package var followRedirects = false
    /// The oldest version of TLS that is spoken.
    package var minimumTLS = TLSVersion.v12
    /// Whether HTTP/2 is spoken where it is offered.
    package var http2 = true

    package init() {}

    /// The versions of TLS that one may insist on.
    package enum TLSVersion: String, Sendable, CaseIterable {
        case v12 = "1.2"
        case v13 = "1.3"
    }

    /// A server that opens ways by CONNECT.
    ///
    /// - Shape: `http://host:port`
    package struct Proxy: Hashable, Sendable, CustomStringConvertible {
        package let host: String
        package let port: Int

        package init?(_ text: String) {
            guard let address = try? TargetAddress(text), address.scheme == .http, address.path == "/" else {
                return nil
            }
            host = address.host
            port = address.port
        }

        package var description: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
    }

    /// What a destination gets that says nothing.
    package static let standard = DestinationTransport()
    /// - Unit: bytes.
    package static let compressRange = 1...RequestRules.bodyBytes
    /// - Unit: bytes.
    package static let maximumPEMBytes = 64 * 1024

    /// Each by its key in a declaration; nil where there is none.
    package var members: [(key: String, value: Document?)] {
        [
            ("certificateAuthority", certificateAuthority.map { .text($0) }),
            ("clientCertificate", clientCertificate.map { .text($0) }),
            ("clientKey", clientKey.map { .text(SecretReference.text(of: $0)) }),
            ("proxy", proxy.map { .text($0.description) }),
            ("proxyAuthorization", proxyAuthorization.map { .text(SecretReference.text(of: $0)) }),
            ("compressFrom", compressFrom.map { Document.integer($0) }),
            ("followRedirects", .truth(followRedirects)),
            ("minimumTLS", .text(minimumTLS.rawValue)),
            ("http2", .truth(http2)),
        ]
    }

    /// The secrets that it refers to.
    var secrets: [SecretReference] {
        [("clientKey", clientKey), ("proxyAuthorization", proxyAuthorization)].compactMap { key, name in
            name.map { SecretReference(name: $0, path: key, isName: false) }
        }
    }

    package var document: Document {
        .object(members.compactMap { member in member.value.map { (member.key, $0) } })
    }

    package init(reading document: Document?, at path: String, _ problems: inout [Problem]) {
        self = .standard
        guard let document, var reader = DeclarationReader(document, at: path, problems: &problems) else { return }
        certificateAuthority = reader.certificates("certificateAuthority", &problems)
        readClient(&reader, &problems)
        readProxy(&reader, &problems)
        compressFrom = reader.int("compressFrom", in: Self.compressRange, &problems)
        followRedirects = reader.bool("followRedirects", default: followRedirects, &problems)
        if let word = reader.string("minimumTLS", &problems) {
            minimumTLS = TLSVersion(rawValue: word) ?? minimumTLS
            if TLSVersion(rawValue: word) == nil {
                problems.append(Problem(reader.place(of: "minimumTLS"), "must be \"1.2\" or \"1.3\""))
            }
        }
        http2 = reader.bool("http2", default: http2, &problems)
        reader.refuseOtherKeys(&problems)
    }

    /// Neither certificate nor key is of use alone.
    private mutating func readClient(_ reader: inout DeclarationReader, _ problems: inout [Problem]) {
        clientCertificate = reader.certificates("clientCertificate", &problems)
        clientKey = reader.secret("clientKey", &problems)
        let isShown = reader.value("clientCertificate") != nil
        guard isShown != (reader.value("clientKey") != nil) else { return }
        let (given, lacking) = isShown ? ("clientCertificate", "clientKey") : ("clientKey", "clientCertificate")
        let what = isShown ? "the certificate's private key as ${secret:NAME}" : "the key's certificate as PEM"
        problems.append(Problem(reader.place(of: given), "needs \"\(lacking)\" beside it: \(what)"))
    }

    private mutating func readProxy(_ reader: inout DeclarationReader, _ problems: inout [Problem]) {
        if let text = reader.string("proxy", &problems) {
            proxy = Proxy(text)
            if proxy == nil {
                let message = "must be the address of a proxy, such as http://proxy:3128, without user and password"
                problems.append(Problem(reader.place(of: "proxy"), message))
            }
        }
        proxyAuthorization = reader.secret("proxyAuthorization", &problems)
        if reader.value("proxyAuthorization") != nil, reader.value("proxy") == nil {
            problems.append(Problem(reader.place(of: "proxyAuthorization"), "needs \"proxy\" beside it"))
        }
    }
}

extension DeclarationReader {
    /// Certificates as PEM, which are no secret.
    fileprivate mutating func certificates(_ key: String, _ problems: inout [Problem]) -> String? {
        guard let text = string(key, &problems) else { return nil }
        if text.contains("PRIVATE KEY-----") {
            let message = "holds a private key, which may stand in no configuration; take it out and make it a secret"
            problems.append(Problem(place(of: key), message))
            return text
        }
        let limit = DestinationTransport.maximumPEMBytes
        let found = text.utf8.count > limit ? nil : (try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)))
        if found?.isEmpty ?? true {
            let message = "holds no certificate that can be read; it takes certificates as PEM, at most 64 KiB"
            problems.append(Problem(place(of: key), message))
        }
        return text
    }

    /// The name of a secret; what stands there instead is not repeated, for it may be the secret itself.
    fileprivate mutating func secret(_ key: String, _ problems: inout [Problem]) -> String? {
        guard let text = string(key, &problems) else { return nil }
        if let name = SecretReference.name(in: text), StoredSecret.problem(withName: name) == nil { return name }
        let command = "leat secret set NAME --destination DESTINATION < FILE"
        let message = "must refer to a secret as ${secret:NAME}, never be its value; set that with \(command)"
        problems.append(Problem(place(of: key), message))
        return nil
    }
}
