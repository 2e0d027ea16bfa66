import NIOCore
import NIOPosix
import Synchronization

/// A destination that costs next to nothing: it reads each request to its end and answers 200, unless it is to be sick.
final class Sink: Sendable {
    /// What it does with requests.
    enum Manner {
        case takes
        /// It never answers.
        case hangs
        /// It answers 429.
        case throttles

        fileprivate var answer: ByteBuffer? {
            switch self {
            case .takes: ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            case .hangs: nil
            case .throttles: ByteBuffer(string: "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
            }
        }
    }

    let port: Int
    private let channel: any Channel
    private let count: Counter

    private final class Counter: Sendable {
        let requests = Atomic<Int>(0)
    }

    /// Begins to listen; `marks` gets the bodies, where they matter.
    static func start(marks: SinkMarks? = nil, manner: Manner = .takes) async throws -> Sink {
        let counter = Counter()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(counter, marks, manner.answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Sink(channel, counter)
    }

    private init(_ channel: any Channel, _ counter: Counter) {
        self.channel = channel
        count = counter
        port = channel.localAddress?.port ?? 0
    }

    /// Requests answered so far.
    var requests: Int { count.requests.load(ordering: .relaxed) }

    func stop() async throws { try await channel.close() }

    /// One connection.
    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: ByteBuffer?
        private let counter: Counter
        private var head: [UInt8] = []
        /// Bytes of the body that are still to come; nil while the head is read.
        private var left: Int?

        private let marks: SinkMarks?
        private var body: [UInt8] = []

        init(_ counter: Counter, _ marks: SinkMarks?, _ answer: ByteBuffer?) {
            (self.counter, self.marks, self.answer) = (counter, marks, answer)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = unwrapInboundIn(data)
            while buffer.readableBytes > 0 {
                if let left {
                    let taken = min(left, buffer.readableBytes)
                    if marks != nil { body += buffer.readableBytesView.prefix(taken) }
                    buffer.moveReaderIndex(forwardBy: taken)
                    self.left = left - taken
                } else {
                    readHead(&buffer)
                }
                if left == 0 {
                    left = nil
                    marks?.read(body)
                    body.removeAll(keepingCapacity: true)
                    counter.requests.wrappingAdd(1, ordering: .relaxed)
                    if let answer { context.write(wrapOutboundOut(answer), promise: nil) }
                }
            }
            context.flush()
        }

        private func readHead(_ buffer: inout ByteBuffer) {
            while left == nil, let byte = buffer.readInteger(as: UInt8.self) {
                head.append(byte)
                guard byte == 10, head.suffix(4).elementsEqual([13, 10, 13, 10]) else { continue }
                let fields = String(decoding: head, as: UTF8.self).lowercased().split(separator: "\r\n")
                let length = fields.first { $0.hasPrefix("content-length:") }?.dropFirst(15)
                left = length.flatMap { Int($0.drop { $0 == " " }) } ?? 0
                head.removeAll(keepingCapacity: true)
            }
        }
    }
}
