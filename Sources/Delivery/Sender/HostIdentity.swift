import NIOCore
import NIOSSL

/// Whether a certificate is a host's, and not only that of the address where it was found.
///
/// The TLS library takes a certificate for the address that was connected to as proof of any name. Who can give a false
/// answer of a name server has an address and may have a certificate for it, so where a name was asked for, the
/// certificate must hold the name.
enum HostIdentity {
    /// Fails for a connection whose certificate does not name `host`; one without TLS has none.
    static func check(_ channel: any Channel, for host: String) -> EventLoopFuture<Void> {
        channel.nioSSL_peerCertificate().flatMapThrowing { certificate in
            guard let certificate, names(of: certificate).contains(where: { admits($0, host) }) else {
                throw TransportFault.certificate
            }
        }.flatMapErrorThrowing { error in
            guard error is ChannelPipelineError else { throw error }
        }
    }

    private static func names(of certificate: NIOSSLCertificate) -> [String] {
        certificate._subjectAlternativeNames().compactMap { name in
            guard name.nameType == .dnsName else { return nil }
            return String(decoding: name.contents, as: UTF8.self).lowercased()
        }
    }

    /// - Source: RFC 9525, section 6.3.
    static func admits(_ name: String, _ host: String) -> Bool {
        let host = host.hasSuffix(".") ? host.dropLast() : host[...]
        guard name.hasPrefix("*.") else { return name == host }
        guard let dot = host.firstIndex(of: ".") else { return false }
        return host[dot...] == name.dropFirst()
    }
}
