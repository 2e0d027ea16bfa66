import EventModel
package import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// The body of a request did not arrive in time.
struct BodyDeadlinePassed: Error {}

/// Ends connections that send too slowly or too much, so that nobody can hold memory and sockets by dripping bytes.
///
/// The idle time-out of the server covers a head that never ends: its parts are not seen here, so they do not count as
/// activity. This handler watches what follows the head: the whole body must arrive within a fixed time, however lively
/// its bytes drip, and what a sender goes on sending after it was refused is thrown away only up to a bound. Where large
/// bodies are awaited there is more room and time, for those who may send them and until the answer was given.
///
/// Nobody can hold an answer up either: one of which nothing is taken for a while is cut off with its connection, whether
/// the other side is slow, stands still or is gone.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// - Source: tcp(7), `TCP_USER_TIMEOUT`.
    private static let userTimeout: CInt = 18

    private let settings: ConnectionGuardSettings
    private var deadline: Scheduled<Void>?
    private var bodyBytes = 0
    /// The most bytes of this body that are read.
    private var mostBytes = 0
    private var failed = false
    /// Requests whose answers have not ended.
    private var due = 0
    /// Runs while nothing of an answer is taken.
    private var patience: Scheduled<Void>?

    init(_ settings: ConnectionGuardSettings) {
        self.settings = settings
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        // What the other side's kernel does not confirm for as long ends the connection; not every channel is a socket's.
        let milliseconds = Int(settings.answerPatience.nanoseconds / 1_000_000)
        context.channel.setOption(.tcpOption(.init(rawValue: Self.userTimeout)), value: milliseconds)
            .whenFailure { _ in }
        do {
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(ExpectationFilter(), position: .before(codec))
        } catch {
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            bodyBytes = 0
            let room = settings.room(for: head)
            mostBytes = room.bytes
            watch(context, for: room.time)
            due += 1
            if head.headerFields[.expect]?.lowercased() == "100-continue", due == 1, room.isAwaited {
                encourage(context)
            }
        case .body(let buffer):
            bodyBytes += buffer.readableBytes
            if bodyBytes > mostBytes {
                context.close(promise: nil)
                return
            }
        case .end:
            deadline?.cancel()
            deadline = nil
        }
        if !failed { context.fireChannelRead(data) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else {
            context.write(data, promise: promise)
            return
        }
        due -= 1
        guard failed else {
            if deadline != nil { narrow(context) }
            context.write(data, promise: promise)
            return
        }
        context.writeAndFlush(data, promise: promise)
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        patience?.cancel()
        patience = nil
        if !context.channel.isWritable {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            patience = context.eventLoop.scheduleTask(in: settings.answerPatience) {
                bound.value.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        patience?.cancel()
        patience = nil
        context.fireChannelInactive()
    }

    /// Lets the sender go on with its body; not while another answer is under way, which this would cut in two.
    ///
    /// - Source: RFC 9110, section 10.1.1.
    private func encourage(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }

    /// What still comes of a body after its answer has no use and gets no more than any other.
    private func narrow(_ context: ChannelHandlerContext) {
        mostBytes = min(mostBytes, bodyBytes + settings.drainBytes)
        deadline?.cancel()
        watch(context, for: settings.bodyDeadline)
    }

    private func watch(_ context: ChannelHandlerContext, for time: TimeAmount) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: time) {
            let (guardian, context) = bound.value
            guardian.deadline = nil
            guardian.failed = true
            context.fireErrorCaught(BodyDeadlinePassed())
        }
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}

/// Takes the expectations out of HTTP/1.0 requests, where they mean nothing; behind it nobody knows the version any more.
///
/// - Source: RFC 9110, section 10.1.1.
private final class ExpectationFilter: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data), head.version == .http1_0 else {
            return context.fireChannelRead(data)
        }
        head.headers.remove(name: "Expect")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}

/// How slow a sender may be.
struct ConnectionGuardSettings: Sendable {
    /// The longest time between a request's head and the end of its body.
    var bodyDeadline = TimeAmount.seconds(30)
    /// The most bytes of one body that are read, wanted or not, before the connection is closed.
    var drainBytes = 16 * 1024 * 1024
    /// How long nothing of an answer need be taken.
    var answerPatience = TimeAmount.seconds(30)
    /// Where larger bodies are awaited.
    var uploads: UploadRoom?

    /// The most bytes of this request's body that are read, their time, and whether a body as announced will be wanted.
    fileprivate func room(for head: HTTPRequest) -> (bytes: Int, time: TimeAmount, isAwaited: Bool) {
        let announced = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
        guard let uploads, head.path?.hasPrefix(uploads.prefix) == true else {
            return (drainBytes, bodyDeadline, announced <= Limits.requestBytes)
        }
        guard uploads.isAllowed(head.headerFields) else { return (drainBytes, bodyDeadline, false) }
        return (uploads.bytes, .seconds(uploads.seconds), announced <= uploads.bytes)
    }
}

/// More room and time for the bodies of some paths.
package struct UploadRoom: Sendable {
    /// What these paths begin with.
    package let prefix: String
    /// The most bytes of one body.
    package let bytes: Int
    /// How long one body may take to arrive.
    package let seconds: Int64
    /// Whether somebody whose request has these headers gets it.
    ///
    /// - Valid: called on an event loop, which it must not hold up.
    package let isAllowed: @Sendable (HTTPFields) -> Bool

    package init(prefix: String, bytes: Int, seconds: Int64, isAllowed: @escaping @Sendable (HTTPFields) -> Bool) {
        self.prefix = prefix
        self.bytes = bytes
        self.seconds = seconds
        self.isAllowed = isAllowed
    }
}
