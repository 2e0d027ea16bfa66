import Catalog
import Delivery
import EventModel

extension Transport {
    /// A destination's transport with its secrets as they are now, or what has to be put right first.
    ///
    /// It is the one that is `known` where nothing about it is different, so that its connections stay.
    static func made(
        of declared: DestinationTransport,
        with secrets: SecretBook,
        known: Transport? = nil
    ) -> Result<Transport, Hindrance> {
        do throws(Hindrance) {
            let settings = try Settings(declared, secrets)
            if let known, known.settings == settings { return .success(known) }
            let transport = Transport(settings)
            guard let problem = transport.problem else { return .success(transport) }
            let key = declared.clientKey.map { "; the key is the secret \"\($0)\"" } ?? ""
            throw .unusable(problem + key)
        } catch {
            return .failure(error)
        }
    }
}

extension Transport.Settings {
    /// What a destination's declaration says, with the values of the secrets that it refers to.
    fileprivate init(_ declared: DestinationTransport, _ secrets: SecretBook) throws(Transport.Hindrance) {
        self.init()
        certificateAuthority = declared.certificateAuthority
        clientCertificate = declared.clientCertificate
        if let name = declared.clientKey { clientKey = try secrets.value(ofOwn: name).text }
        if let address = declared.proxy {
            var login: (user: String, password: String)?
            if let name = declared.proxyAuthorization { login = try secrets.value(ofOwn: name).login(named: name) }
            proxy = Transport.Proxy(
                host: address.host,
                port: address.port,
                user: login?.user,
                password: login?.password
            )
        }
        compressesFrom = declared.compressFrom
        followsRedirects = declared.followRedirects
        minimumTLS = declared.minimumTLS == .v13 ? .v13 : .v12
        http2 = declared.http2
    }
}

extension SecretBook {
    /// The value of a secret that a transport names; without it nothing may travel, so nobody's event dies of it.
    fileprivate func value(ofOwn name: String) throws(Transport.Hindrance) -> SecretValue {
        switch standing(ofOwn: name) {
        case .open(let value, _): return value
        case .missing(let reason), .refused(let reason): throw .missing(reason)
        }
    }
}

extension SecretValue {
    fileprivate var text: String { reveal { String(decoding: $0, as: UTF8.self) } }

    /// The two sides of the first colon.
    fileprivate func login(named name: String) throws(Transport.Hindrance) -> (user: String, password: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !isPEM else {
            let words = "the secret \"\(name)\" is no user and password with a colon between them, as the proxy wants"
            throw .unusable("\(words); leat secret set \(name) sets it anew")
        }
        return (String(parts[0]), String(parts[1]))
    }
}
