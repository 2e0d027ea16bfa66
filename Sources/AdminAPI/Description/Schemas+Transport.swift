import Catalog
import EventModel

extension Schemas {
    /// How requests to a destination travel.
    static let destinationTransport: [(String, Document)] = [
        (
            "certificateAuthority",
            [
                "type": "string", "maxLength": .integer(DestinationTransport.maximumPEMBytes),
                "description":
                    "Certificates as PEM: who may have signed the destination's, instead of whom the system trusts.",
            ]
        ),
        (
            "clientCertificate",
            [
                "type": "string", "maxLength": .integer(DestinationTransport.maximumPEMBytes),
                "description": "What the destination is shown: a certificate and those above it, as PEM.",
            ]
        ), ("clientKey", secret("The secret that is the certificate's private key as PEM.")),
        (
            "proxy",
            [
                "type": "string", "pattern": "^http://[^/]+$",
                "description": "Who is asked by CONNECT to open the way, such as http://proxy:3128.",
            ]
        ),
        (
            "proxyAuthorization",
            secret("The secret that the proxy is shown: a user and a password with a colon between them.")
        ),
        (
            "compressFrom",
            [
                "type": "integer", "minimum": .integer(DestinationTransport.compressRange.lowerBound),
                "maximum": .integer(DestinationTransport.compressRange.upperBound),
                "description": "Bodies of so many bytes and more are compressed with gzip; none without it.",
            ]
        ),
        ("followRedirects", flag(default: DestinationTransport.standard.followRedirects)),
        (
            "minimumTLS",
            [
                "type": "string",
                "enum": .list(DestinationTransport.TLSVersion.allCases.map { .text($0.rawValue) }),
                "default": .text(DestinationTransport.standard.minimumTLS.rawValue),
                "description": "The oldest version of TLS that is spoken.",
            ]
        ), ("http2", flag(default: DestinationTransport.standard.http2)),
    ]

    private static func secret(_ description: String) -> Document {
        [
            "type": "string", "pattern": "^\\$\\{secret:[a-z0-9-]{1,63}\\}$",
            "description": .text(description),
        ]
    }
}
