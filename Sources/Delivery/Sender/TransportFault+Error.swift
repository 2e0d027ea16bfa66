import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

extension TransportFault {
    /// What the client's error means in our words.
    init(_ error: any Error) {
        switch error {
        case is CancellationError: self = .cancelled
        case let error as HTTPClientError: self.init(error)
        case _ where String(reflecting: type(of: error)).hasPrefix("NIOSSL."): self = .tls
        case is HTTPParserError: self = .garbage
        case is ChannelError: self = .reset
        case let error as NIOConnectionError: self.init(error)
        case let error as IOError: self.init(error)
        default: self = .other
        }
    }

    private init(_ error: HTTPClientError) {
        switch error {
        case .cancelled: self = .cancelled
        case .connectTimeout: self = .connectTimeout
        case .deadlineExceeded, .readTimeout, .writeTimeout: self = .timeout
        case .remoteConnectionClosed: self = .reset
        case .tlsHandshakeTimeout: self = .tls
        case .getConnectionFromPoolTimeout: self = .connectTimeout
        case .bodyLengthMismatch: self = .garbage
        default: self = .other
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
        case Self.connectionReset, Self.brokenPipe: self = .reset
        case Self.timedOut: self = .connectTimeout
        default: self = .other
        }
    }

    /// - Source: errno(3) on Linux.
    private static let connectionRefused: CInt = 111
    private static let connectionReset: CInt = 104
    private static let brokenPipe: CInt = 32
    private static let timedOut: CInt = 110
}
