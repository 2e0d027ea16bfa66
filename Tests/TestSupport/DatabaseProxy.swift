import NIOCore
import NIOPosix
package import PostgreSQL
import Synchronization

/// Stands between clients and a PostgreSQL server on a socket of its own, and cuts connections on demand.
package final class DatabaseProxy: Sendable {
    private typealias Stream = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private struct State {
        /// The statements whose answers are lost, and how many more.
        var name: [UInt8] = []
        var times = 0
        /// Connections that lose the next answer.
        var doomed: Set<ObjectIdentifier> = []
        var lost = 0
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
            .bind(unixDomainSocketPath: proxy.folder.path + "/.s.PGSQL.5432") { channel in
                channel.eventLoop.makeCompletedFuture { try Stream(wrappingChannelSynchronously: channel) }
            }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await proxy.serve(listener) }
            defer { group.cancelAll() }
            return try await body(proxy)
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

    /// Cuts all connections, whatever they are doing.
    package func cut() {
        for channel in state.withLock({ Array($0.clients.values) }) { channel.close(promise: nil) }
    }

    private func serve(_ listener: NIOAsyncChannel<Stream, Never>) async throws {
        try await listener.executeThenClose { clients in
            try await withThrowingDiscardingTaskGroup { group in
                for try await client in clients { group.addTask { try? await self.carry(client) } }
            }
        }
    }

    private func carry(_ client: Stream) async throws {
        let key = ObjectIdentifier(client.channel)
        state.withLock { $0.clients[key] = client.channel }
        defer { state.withLock { $0.clients[key] = nil } }
        try await client.executeThenClose { requests, toClient in
            let upstream = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(unixDomainSocketPath: server) { channel in
                    channel.eventLoop.makeCompletedFuture { try Stream(wrappingChannelSynchronously: channel) }
                }
            try await upstream.executeThenClose { answers, toServer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await request in requests {
                            self.judge(request, of: key)
                            try await toServer.write(request)
                        }
                    }
                    group.addTask {
                        for try await answer in answers {
                            if self.isLost(on: key) { return }
                            try await toClient.write(answer)
                        }
                    }
                    // Whichever side ends first ends both.
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
        }
    }

    private func judge(_ request: ByteBuffer, of client: ObjectIdentifier) {
        state.withLock { state in
            guard state.times > 0, request.readableBytesView.contains(state.name) else { return }
            state.times -= 1
            state.doomed.insert(client)
        }
    }

    private func isLost(on client: ObjectIdentifier) -> Bool {
        state.withLock { state in
            guard state.doomed.remove(client) != nil else { return false }
            state.lost += 1
            return true
        }
    }
}
