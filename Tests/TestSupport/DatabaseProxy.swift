import Glibc
import NIOCore
import NIOPosix
package import PostgreSQL
import Synchronization

/// Stands between clients and a PostgreSQL server on a socket of its own, and cuts or freezes connections on demand.
package final class DatabaseProxy: Sendable {
    private struct State {
        /// The statements whose answers are lost, and how many more.
        var name: [UInt8] = []
        var times = 0
        /// Clients that lose the next answer.
        var doomed: Set<ObjectIdentifier> = []
        var lost = 0
        var isFrozen = false
        var clients: [ObjectIdentifier: any Channel] = [:]
    }

    /// How to connect through here.
    package let settings: ConnectionSettings
    private let folder: TemporaryFolder
    private let server: String
    private let state = Mutex(State())

    /// Lets connections through for as long as `body` runs.
    package static func with<Result>(
        _ settings: ConnectionSettings,
        _ body: (DatabaseProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = DatabaseProxy(settings)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { proxy.connect($0) }
            .bind(unixDomainSocketPath: proxy.folder.path + "/.s.PGSQL.5432").get()
        // As PostgreSQL's own: whoever comes may be another user.
        unsafe chmod(proxy.folder.path + "/.s.PGSQL.5432", 0o777)
        do {
            let result = try await body(proxy)
            try await listener.close()
            proxy.cut()
            return result
        } catch {
            try? await listener.close()
            proxy.cut()
            throw error
        }
    }

    private init(_ settings: ConnectionSettings) {
        folder = TemporaryFolder()
        // The last word about a keyword counts.
        self.settings = ConnectionSettings(address: settings.address + " host='\(folder.path)'")
        let host = settings.address.split(separator: "host='").last?.prefix { $0 != "'" } ?? ""
        server = host + "/.s.PGSQL.5432"
    }

    /// Cuts the next connections that run the statement of this name, each after it ran and before its answer.
    package func loseAnswers(to name: String, times: Int) {
        state.withLock { state in
            // A message that binds a statement has the portal's empty name before it.
            state.name = [0] + Array("\(name)_".utf8)
            state.times = times
        }
    }

    /// How many answers were lost so far.
    package var lost: Int { state.withLock { $0.lost } }

    /// Lets nothing through any more, while every connection seems to stand: a database that hangs.
    package func freeze() { state.withLock { $0.isFrozen = true } }

    /// Cuts all connections, whatever they are doing.
    package func cut() {
        for client in state.withLock({ Array($0.clients.values) }) { client.close(promise: nil) }
    }

    /// Connects a client with the server, on one event loop.
    private func connect(_ client: any Channel) -> EventLoopFuture<Void> {
        let key = ObjectIdentifier(client)
        state.withLock { $0.clients[key] = client }
        client.closeFuture.whenComplete { _ in self.state.withLock { $0.clients[key] = nil } }
        return ClientBootstrap(group: client.eventLoop)
            .channelInitializer { upstream in
                upstream.eventLoop.makeCompletedFuture {
                    let answers = Relay(to: client) { _ in self.fate(ofAnswerTo: key) }
                    try upstream.pipeline.syncOperations.addHandler(answers)
                }
            }
            .connect(unixDomainSocketPath: server)
            .flatMapThrowing { upstream in
                let requests = Relay(to: upstream) { self.fate(of: $0, from: key) }
                try client.pipeline.syncOperations.addHandler(requests)
            }
    }

    private func fate(of request: ByteBuffer, from client: ObjectIdentifier) -> Fate {
        state.withLock { state in
            if state.isFrozen { return .vanishes }
            guard state.times > 0, request.readableBytesView.contains(state.name) else { return .passes }
            state.times -= 1
            state.doomed.insert(client)
            return .passes
        }
    }

    private func fate(ofAnswerTo client: ObjectIdentifier) -> Fate {
        state.withLock { state in
            if state.isFrozen { return .vanishes }
            guard state.doomed.remove(client) != nil else { return .passes }
            state.lost += 1
            return .cuts
        }
    }
}

/// What becomes of bytes that came in at one end of a connection.
private enum Fate {
    case passes
    case vanishes
    /// Both ends are closed.
    case cuts
}

/// Passes on what comes in at one end of a connection, until either end closes.
private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let fate: (ByteBuffer) -> Fate

    init(to other: any Channel, fate: @escaping (ByteBuffer) -> Fate) {
        self.other = other
        self.fate = fate
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        switch fate(bytes) {
        case .passes: other.writeAndFlush(bytes, promise: nil)
        case .vanishes: break
        case .cuts: context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
