import NIOCore
import NIOPosix
import Synchronization

/// A port for a server that goes and comes back.
///
/// It is below the ports that the system hands out by itself, so that no other test gets it meanwhile, neither for a
/// server nor for a connection.
package enum SteadyPort {
    private static let last = Atomic(Int.random(in: 20_000..<30_000))

    /// Takes the next port that nobody listens on.
    package static func next() async throws -> Int {
        for _ in 0..<100 {
            let port = 20_000 + last.add(1, ordering: .relaxed).newValue % 10_000
            let probe = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            guard let channel = try? await probe.bind(host: "127.0.0.1", port: port).get() else { continue }
            try await channel.close()
            return port
        }
        throw Failure()
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String { "a hundred ports of this machine are taken" }
    }
}
