import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

extension TransportFault {
    /// What the client's error means in our words.
    init(_ error: any Error) {
        switch error {
        case is CancellationError: self = .cancelled
        case let fault as TransportFault: self = fault
        case let error as HTTPClientError: self.init(error)
        case let error as NIOSSLError: self.init(error)
        case is BoringSSLError, is NIOSSLCloseTimedOutError: self = .tls
        case is NIOSSLExtraError: self = .certificate
        case let error as HTTPParserError: self.init(error)
        case is NIOHTTPDecoderError: self = .garbage
        case is ChannelError: self = .reset
        case let error as NIOConnectionError: self.init(error)
        case let error as IOError: self.init(error)
        case _ where String(reflecting: type(of: error)).hasPrefix("NIOHTTP2."): self = .garbage
        default: self = .other
        }
    }

    private init(_ error: HTTPClientError) {
        switch error {
        case .cancelled: self = .cancelled
        case .connectTimeout, .getConnectionFromPoolTimeout: self = .connectTimeout
        case .deadlineExceeded, .readTimeout, .writeTimeout: self = .timeout
        case .remoteConnectionClosed: self = .reset
        case .tlsHandshakeTimeout: self = .tls
        case .proxyAuthenticationRequired: self = .proxyLogin
        case .invalidProxyResponse, .httpProxyHandshakeTimeout: self = .proxy
        case .bodyLengthMismatch: self = .garbage
        default: self = .other
        }
    }

    private init(_ error: NIOSSLError) {
        switch error {
        case .handshakeFailed(let cause) where "\(cause)".contains("CERTIFICATE_VERIFY_FAILED"): self = .certificate
        case .unableToValidateCertificate, .noCertificateToValidate: self = .certificate
        case .uncleanShutdown: self = .truncated
        default: self = .tls
        }
    }

    private init(_ error: HTTPParserError) {
        switch error {
        case .invalidEOFState: self = .truncated
        case .headerOverflow: self = .headers
        default: self = .garbage
        }
    }

    private init(_ error: NIOConnectionError) {
        if error.connectionErrors.isEmpty {
            self = .nameNotFound
        } else if let first = error.connectionErrors.first?.error as? IOError {
            self.init(first)
        } else {
            self = error.connectionErrors.first?.error is ChannelError ? .connectTimeout : .other
        }
    }

    private init(_ error: IOError) {
        switch error.errnoCode {
        case Self.connectionRefused: self = .refused
        case Self.connectionReset, Self.connectionAborted, Self.brokenPipe: self = .reset
        case Self.timedOut: self = .connectTimeout
        case Self.networkUnreachable, Self.hostUnreachable, Self.addressNotAvailable, Self.notPermitted:
            self = .unreachable
        default: self = .other
        }
    }

    /// - Source: errno(3) on Linux.
    private static let connectionRefused: CInt = 111
    private static let connectionReset: CInt = 104
    private static let connectionAborted: CInt = 103
    private static let brokenPipe: CInt = 32
    private static let timedOut: CInt = 110
    private static let networkUnreachable: CInt = 101
    private static let hostUnreachable: CInt = 113
    private static let addressNotAvailable: CInt = 99
    private static let notPermitted: CInt = 1
}
