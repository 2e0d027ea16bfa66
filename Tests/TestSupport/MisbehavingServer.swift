import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// A server that reads requests as any other and then does exactly what a script says, byte by byte.
package final class MisbehavingServer: Sendable {
    /// A request as it came.
    package struct Request: Sendable {
        /// Request line and headers.
        package let head: String
        package let body: [UInt8]
        /// From 0, over all connections.
        package let number: Int

        package var line: String { String(head.prefix { $0 != "\r\n" }) }
        package var text: String { String(decoding: body, as: UTF8.self) }

        package func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, parts[0].lowercased() == name.lowercased() else { continue }
                return parts[1].drop { $0 == " " }.description
            }
            return nil
        }
    }

    /// One thing that the server does after a request.
    package enum Move: Sendable {
        case say(String)
        /// Says it again and again, as fast as it is read.
        case flood(String)
        /// Says it again and again, with a pause of so many milliseconds after each.
        case drip(String, milliseconds: Int64)
        case pause(milliseconds: Int64)
        case close
        /// Closes in a way that loses what was not read yet.
        case reset

        /// A whole answer.
        package static func answer(_ status: Int, _ headers: [(String, String)] = [], _ body: String = "") -> Move {
            let fields = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
            return .say("HTTP/1.1 \(status) Test\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
    }

    package typealias Script = @Sendable (Request) -> [Move]

    package let port: Int
    package let scheme: String
    package var url: String { "\(scheme)://127.0.0.1:\(port)" }
    private let channel: any Channel
    private let log: RequestLog

    /// Runs a server for as long as `body` runs; `tls` makes it one for https.
    package static func with<Result>(
        port: Int = 0,
        tls: NIOSSLContext? = nil,
        _ script: @escaping Script,
        _ body: (MisbehavingServer) async throws -> Result
    ) async throws -> Result {
        let book = RequestLog()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(Actor(book, script))
                }
            }
        let channel = try await bootstrap.bind(host: "127.0.0.1", port: port).get()
        let server = MisbehavingServer(channel, book, scheme: tls == nil ? "http" : "https")
        do {
            let result = try await body(server)
            await server.stop()
            return result
        } catch {
            await server.stop()
            throw error
        }
    }

    private init(_ channel: any Channel, _ log: RequestLog, scheme: String) {
        self.channel = channel
        self.log = log
        self.scheme = scheme
        port = channel.localAddress?.port ?? 0
    }

    private func stop() async {
        try? await channel.close()
        for connection in log.takeConnections() { try? await connection.close() }
    }

    /// What has come so far.
    package var requests: [Request] { log.requests }
    /// How many connections were made.
    package var connections: Int { log.connections }
}

private final class RequestLog: Sendable {
    private struct State {
        var requests: [MisbehavingServer.Request] = []
        var open: [ObjectIdentifier: any Channel] = [:]
        var connections = 0
    }

    private let state = Mutex(State())

    var requests: [MisbehavingServer.Request] { state.withLock { $0.requests } }
    var connections: Int { state.withLock { $0.connections } }

    func opened(_ channel: any Channel) {
        state.withLock { state in
            state.open[ObjectIdentifier(channel)] = channel
            state.connections += 1
        }
    }

    func closed(_ channel: any Channel) { state.withLock { $0.open[ObjectIdentifier(channel)] = nil } }
    func takeConnections() -> [any Channel] { state.withLock { Array($0.open.values) } }

    func note(_ head: String, _ body: [UInt8]) -> MisbehavingServer.Request {
        state.withLock { state in
            let request = MisbehavingServer.Request(head: head, body: body, number: state.requests.count)
            state.requests.append(request)
            return request
        }
    }
}

/// Reads one request after the other from a connection and plays the script after each.
private final class Actor: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let log: RequestLog
    private let script: MisbehavingServer.Script
    private var bytes: [UInt8] = []

    init(_ log: RequestLog, _ script: @escaping MisbehavingServer.Script) {
        self.log = log
        self.script = script
    }

    func channelActive(context: ChannelHandlerContext) {
        log.opened(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        log.closed(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes.append(contentsOf: unwrapInboundIn(data).readableBytesView)
        while let request = takeRequest() {
            Self.play(script(request)[...], on: context.channel)
        }
    }

    private func takeRequest() -> MisbehavingServer.Request? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        let bare = MisbehavingServer.Request(head: head, body: [], number: 0)
        let length = bare.header("Content-Length").flatMap { Int($0) } ?? 0
        guard bytes.count >= end.upperBound + length else { return nil }
        let body = Array(bytes[end.upperBound..<(end.upperBound + length)])
        bytes.removeFirst(end.upperBound + length)
        return log.note(head, body)
    }

    private static func play(_ moves: ArraySlice<MisbehavingServer.Move>, on channel: any Channel) {
        guard let move = moves.first, channel.isActive else { return }
        let rest = moves.dropFirst()
        switch move {
        case .say(let text):
            channel.writeAndFlush(ByteBuffer(string: text)).whenSuccess { play(rest, on: channel) }
        case .flood(let text):
            channel.writeAndFlush(ByteBuffer(string: text)).whenSuccess { play(moves, on: channel) }
        case .drip(let text, let milliseconds):
            channel.writeAndFlush(ByteBuffer(string: text)).whenSuccess {
                channel.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { play(moves, on: channel) }
            }
        case .pause(let milliseconds):
            channel.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { play(rest, on: channel) }
        case .close: channel.close(promise: nil)
        case .reset:
            guard let socket = channel as? any SocketOptionProvider else { return }
            socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
        }
    }
}
