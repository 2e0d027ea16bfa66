import NIOCore
import NIOPosix
import Synchronization

/// A client that costs next to nothing: it sends prepared requests over kept connections, several on the way at a time,
/// and looks at an answer only for its status and its end.
final class LoadClient: Sendable {
    private let port: Int
    private let requests: [ByteBuffer]
    private let connections: Int
    private let depth: Int
    private let holdsBack: @Sendable (Int) -> Bool
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let accepted = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)
    private let stopped = Atomic<Bool>(false)

    /// Sends `bodies` in turn to `path` of the loopback.
    ///
    /// - Parameters:
    ///   - port: where the server listens.
    ///   - path: the route.
    ///   - authorization: the value of the header.
    ///   - bodies: whole request bodies; sent again and again.
    ///   - connections: how many connections are kept.
    ///   - depth: how many requests are on the way on each.
    ///   - holdsBack: whether to wait before the next request, asked with the number of those accepted so far.
    init(
        port: Int,
        path: String,
        authorization: String,
        bodies: [[UInt8]],
        connections: Int,
        depth: Int,
        holdsBack: @escaping @Sendable (Int) -> Bool = { _ in false }
    ) {
        self.port = port
        self.connections = connections
        self.depth = depth
        self.holdsBack = holdsBack
        requests = bodies.map { body in
            var buffer = ByteBuffer()
            buffer.writeString("POST \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: \(authorization)\r\n")
            buffer.writeString("Content-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n")
            buffer.writeBytes(body)
            return buffer
        }
    }

    /// Requests answered 200 so far.
    var acceptedRequests: Int { accepted.load(ordering: .relaxed) }
    /// Requests answered otherwise so far.
    var refusedRequests: Int { refused.load(ordering: .relaxed) }

    /// Keeps sending while `body` runs, then lets the last answers come.
    func whileSending<Result>(_ body: () async throws -> Result) async throws -> Result {
        var channels: [any Channel] = []
        for number in 0..<connections {
            let channel = try await ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Sender(self, first: number))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            channels.append(channel)
        }
        let result = try await body()
        stopped.store(true, ordering: .relaxed)
        for channel in channels { try await channel.closeFuture.get() }
        try await group.shutdownGracefully()
        return result
    }

    /// One connection.
    private final class Sender: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let client: LoadClient
        private var next: Int
        private var onTheWay = 0
        /// Requests that wait until sending goes on.
        private var heldBack = 0
        private var received = ByteBuffer()

        init(_ client: LoadClient, first: Int) {
            self.client = client
            next = first * 7
        }

        func channelActive(context: ChannelHandlerContext) {
            for _ in 0..<client.depth { send(context) }
            context.flush()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.writeImmutableBuffer(unwrapInboundIn(data))
            while let status = takeAnswer() {
                onTheWay -= 1
                if status == 200 {
                    client.accepted.wrappingAdd(1, ordering: .relaxed)
                } else {
                    client.refused.wrappingAdd(1, ordering: .relaxed)
                }
                sendNext(context)
            }
            received.discardReadBytes()
            context.flush()
            if onTheWay == 0, heldBack == 0 { context.close(promise: nil) }
        }

        private func sendNext(_ context: ChannelHandlerContext) {
            if client.stopped.load(ordering: .relaxed) { return }
            guard client.holdsBack(client.acceptedRequests) else {
                send(context)
                return
            }
            heldBack += 1
            guard heldBack == 1 else { return }
            context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(2)) {
                let count = self.heldBack
                self.heldBack = 0
                for _ in 0..<count { self.sendNext(context) }
                context.flush()
                if self.onTheWay == 0, self.heldBack == 0 { context.close(promise: nil) }
            }
        }

        private func send(_ context: ChannelHandlerContext) {
            context.write(wrapOutboundOut(client.requests[next % client.requests.count]), promise: nil)
            next += 1
            onTheWay += 1
        }

        /// Takes one whole answer from the front, if there is one.
        private func takeAnswer() -> Int? {
            let bytes = received.readableBytesView
            guard let end = Self.endOfHead(bytes) else { return nil }
            let head = String(decoding: bytes[bytes.startIndex..<end], as: UTF8.self)
            let fields = head.lowercased().split(separator: "\r\n")
            let length =
                fields.first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
            let whole = end - bytes.startIndex + length
            guard bytes.count >= whole else { return nil }
            received.moveReaderIndex(forwardBy: whole)
            return Int(head.dropFirst(9).prefix(3)) ?? 0
        }

        private static func endOfHead(_ bytes: ByteBufferView) -> Int? {
            guard bytes.count >= 4 else { return nil }
            for index in bytes.startIndex..<bytes.endIndex - 3
            where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 {
                return index + 4
            }
            return nil
        }
    }
}
