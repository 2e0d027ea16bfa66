package import NIOCore
import NIOPosix

/// A TCP connection that sends exactly the bytes it is told to, for senders that no client library imitates.
package struct RawConnection {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Connects to `port` of the loopback, lets `body` send, and gives everything the server said until it closed.
    package static func talk(
        to port: Int,
        _ body: @Sendable @escaping (NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws -> Void
    ) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            // The server may have had enough before everything is sent.
            do {
                try await body(outbound)
            } catch is ChannelError {}
            var said = ByteBuffer()
            // A reset after the answer is one way to close.
            do {
                for try await part in inbound { said.writeImmutableBuffer(part) }
            } catch {}
            return String(buffer: said)
        }
    }

    /// Connects to `port` of the loopback, sends a text, and gives everything the server said until it closed.
    package static func talk(to port: Int, saying text: String) async throws -> String {
        try await talk(to: port) { try await $0.write(ByteBuffer(string: text)) }
    }
}
