import NIOCore
import NIOPosix
import Synchronization

/// A proxy that opens ways by CONNECT for whoever shows the right login; whatever host it is asked for, it leads to this
/// machine.
package final class ConnectProxy: Sendable {
    /// One CONNECT, as it came.
    package struct Request: Sendable {
        /// Such as `far.test:443`.
        package let target: String
        /// What `Proxy-Authorization` said.
        package let authorization: String?
    }

    package var port: Int { listener.localAddress?.port ?? 0 }
    private let listener: any Channel
    private let state: Door.Shared

    /// Runs a proxy that wants this in `Proxy-Authorization` for as long as `body` runs.
    package static func with<Result>(
        wanting authorization: String,
        _ body: (ConnectProxy) async throws -> Result
    ) async throws -> Result {
        let shared = Door.Shared(authorization)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { client in
                client.eventLoop.makeCompletedFuture {
                    shared.enter(client)
                    try client.pipeline.syncOperations.addHandler(Door(shared))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let proxy = ConnectProxy(listener, shared)
        do {
            let result = try await body(proxy)
            try? await listener.close()
            shared.cut()
            return result
        } catch {
            try? await listener.close()
            shared.cut()
            throw error
        }
    }

    private init(_ listener: any Channel, _ state: Door.Shared) {
        self.listener = listener
        self.state = state
    }

    /// What it was asked for so far, refused or not.
    package var requests: [Request] { state.requests }

    /// Wants another login from now on, and closes all ways.
    package func want(_ authorization: String) { state.want(authorization) }
}

/// Reads the CONNECT of a connection, and then lets everything through or closes it.
private final class Door: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// What the connections of one proxy have in common.
    final class Shared: Sendable {
        private struct State {
            var authorization: String
            var requests: [ConnectProxy.Request] = []
            var ways: [ObjectIdentifier: any Channel] = [:]
        }

        private let state: Mutex<State>

        init(_ authorization: String) { state = Mutex(State(authorization: authorization)) }

        var requests: [ConnectProxy.Request] { state.withLock { $0.requests } }

        func enter(_ client: any Channel) {
            state.withLock { $0.ways[ObjectIdentifier(client)] = client }
            client.closeFuture.whenComplete { _ in self.state.withLock { $0.ways[ObjectIdentifier(client)] = nil } }
        }

        func want(_ authorization: String) {
            state.withLock { $0.authorization = authorization }
            cut()
        }

        func cut() {
            for client in state.withLock({ Array($0.ways.values) }) { client.close(promise: nil) }
        }

        /// Whether the way may be opened.
        func admit(_ request: ConnectProxy.Request) -> Bool {
            state.withLock { state in
                state.requests.append(request)
                return request.authorization == state.authorization
            }
        }
    }

    private let shared: Shared
    private var bytes: [UInt8] = []
    private var isOpen = false

    init(_ shared: Shared) { self.shared = shared }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOpen else { return context.fireChannelRead(data) }
        bytes += unwrapInboundIn(data).readableBytesView
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        let request = ConnectProxy.Request(String(decoding: bytes[..<end.lowerBound], as: UTF8.self))
        let client = context.channel
        guard let request, shared.admit(request),
            let port = request.target.split(separator: ":").last.flatMap({ Int($0) })
        else {
            let refusal =
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
            client.writeAndFlush(ByteBuffer(string: refusal)).whenComplete { _ in client.close(promise: nil) }
            return
        }
        // Nothing comes before the client has read that the way is open.
        isOpen = true
        ClientBootstrap(group: client.eventLoop)
            .channelInitializer { upstream in
                upstream.eventLoop.makeCompletedFuture {
                    try upstream.pipeline.syncOperations.addHandler(Passage(to: client))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .flatMapThrowing { upstream in
                try client.pipeline.syncOperations.addHandler(Passage(to: upstream))
                client.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 Connected\r\n\r\n"), promise: nil)
            }
            .whenFailure { _ in client.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Passes on what comes in at one end, until either end closes.
private final class Passage: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        other.close(promise: nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension ConnectProxy.Request {
    /// Nil for a head that is no CONNECT.
    fileprivate init?(_ head: String) {
        let lines = head.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count == 3, words[0] == "CONNECT" else { return nil }
        target = String(words[1])
        let name = "proxy-authorization: "
        authorization = lines.first { $0.lowercased().hasPrefix(name) }.map { String($0.dropFirst(name.count)) }
    }
}
