import NIOCore
import NIOPosix
import Synchronization

/// A name server of a test's own, whose answers change when the test says so.
package final class NameServer: Sendable {
    private struct State {
        /// The IPv4 addresses of every name, in text.
        var addresses: [String]
        var queries = 0
    }

    private let state: Mutex<State>
    private let channel: any Channel

    /// Listens on the port for names of an address of the loopback, which needs the right to.
    package static func start(at host: String, answering addresses: [String]) async throws -> NameServer {
        let handler = Answering()
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Relay(handler)) }
            }
            .bind(host: host, port: 53).get()
        let server = NameServer(channel, addresses)
        handler.server.withLock { $0 = server }
        return server
    }

    private init(_ channel: any Channel, _ addresses: [String]) {
        self.channel = channel
        state = Mutex(State(addresses: addresses))
    }

    /// Questions for an IPv4 address so far.
    package var queries: Int { state.withLock { $0.queries } }

    package func answer(_ addresses: [String]) { state.withLock { $0.addresses = addresses } }

    package func stop() async throws { try await channel.close() }

    /// - Source: RFC 1035, section 4.1.
    fileprivate func reply(to question: [UInt8]) -> [UInt8]? {
        guard question.count > 16 else { return nil }
        var end = 12
        while end < question.count, question[end] != 0 { end += Int(question[end]) + 1 }
        guard end + 4 < question.count else { return nil }
        let isFour = question[end + 2] == 1
        let addresses = state.withLock { state in
            if isFour { state.queries += 1 }
            return isFour ? state.addresses : []
        }
        // The same number and question; an answer, that this server may ask others for it, and no error.
        var reply = Array(question[0..<2]) + [0x81, 0x80, 0, 1, 0, UInt8(addresses.count), 0, 0, 0, 0]
        reply += question[12..<(end + 5)]
        for address in addresses {
            // The name of the question, an IPv4 address of the Internet, for no second, four bytes.
            reply += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4] + address.split(separator: ".").compactMap { UInt8($0) }
        }
        return reply
    }

    private final class Answering: Sendable {
        let server = Mutex<NameServer?>(nil)
    }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        private let answering: Answering
        init(_ answering: Answering) { self.answering = answering }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            let server = answering.server.withLock { $0 }
            guard let reply = server?.reply(to: Array(envelope.data.readableBytesView)) else { return }
            let answer = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: reply))
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }
}
