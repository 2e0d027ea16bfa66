import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
package import NIOSSL
import Synchronization

/// A server that offers HTTP/2 beside HTTP/1.1 and notes which of them was taken; every request is answered with 200.
package final class HTTP2Server: Sendable {
    /// A request and how it came.
    package struct Request: Sendable {
        package let isHTTP2: Bool
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]
    }

    package let port: Int
    private let channel: any Channel
    private let log: Log

    /// Runs a server for as long as `body` runs; `tls` says which protocols it offers.
    package static func with<Result>(
        tls: NIOSSLContext,
        _ body: (HTTP2Server) async throws -> Result
    ) async throws -> Result {
        let log = Log()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                log.opened(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                }.flatMap {
                    channel.configureHTTP2SecureUpgrade(
                        h2ChannelConfigurator: { channel in
                            channel.configureHTTP2Pipeline(mode: .server) { stream in
                                stream.eventLoop.makeCompletedFuture {
                                    let handlers = stream.pipeline.syncOperations
                                    try handlers.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                                    try handlers.addHandler(Reader(log, isHTTP2: true))
                                }
                            }.map { _ in }
                        },
                        http1ChannelConfigurator: { channel in
                            channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                                try channel.pipeline.syncOperations.addHandler(Reader(log, isHTTP2: false))
                            }
                        }
                    )
                }
            }
        let channel = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
        let server = HTTP2Server(channel, log)
        do {
            let result = try await body(server)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    private init(_ channel: any Channel, _ log: Log) {
        self.channel = channel
        self.log = log
        port = channel.localAddress?.port ?? 0
    }

    private func stop() async {
        try? await channel.close()
        for connection in log.state.withLock({ $0.connections }) { try? await connection.close() }
    }

    package var requests: [Request] { log.state.withLock { $0.requests } }
    /// How many connections were made.
    package var connections: Int { log.state.withLock { $0.connections.count } }

    private final class Log: Sendable {
        let state = Mutex<(requests: [Request], connections: [any Channel])>(([], []))
        func opened(_ channel: any Channel) { state.withLock { $0.connections.append(channel) } }
    }

    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let log: Log
        private let isHTTP2: Bool
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ log: Log, isHTTP2: Bool) {
            self.log = log
            self.isHTTP2 = isHTTP2
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
            case .body(let part): body.append(contentsOf: part.readableBytesView)
            case .end:
                let headers = head.map { $0.headers.map { (name: $0.name, value: $0.value) } } ?? []
                let request = Request(isHTTP2: isHTTP2, headers: headers, body: body)
                log.state.withLock { $0.requests.append(request) }
                let answer = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "0"])
                context.write(wrapOutboundOut(.head(answer)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
