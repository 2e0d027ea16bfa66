import NIOCore
import NIOHTTPTypes

/// The body of a request did not arrive in time.
struct BodyDeadlinePassed: Error {}

/// Ends connections that send too slowly or too much, so that nobody can hold memory and sockets by dripping bytes.
///
/// The idle time-out of the server covers a head that never ends: its parts are not seen here, so they do not count as
/// activity. This handler watches what follows the head: the whole body must arrive within a fixed time, however lively
/// its bytes drip, and what a sender goes on sending after it was refused is thrown away only up to a bound.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let settings: ConnectionGuardSettings
    private var deadline: Scheduled<Void>?
    private var bodyBytes = 0
    private var failed = false

    init(_ settings: ConnectionGuardSettings) {
        self.settings = settings
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            bodyBytes = 0
            watch(context)
        case .body(let buffer):
            bodyBytes += buffer.readableBytes
            if bodyBytes > settings.drainBytes {
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
        guard failed, case .end = unwrapOutboundIn(data) else {
            context.write(data, promise: promise)
            return
        }
        context.writeAndFlush(data, promise: promise)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        context.fireChannelInactive()
    }

    private func watch(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: settings.bodyDeadline) {
            let (guardian, context) = bound.value
            guardian.deadline = nil
            guardian.failed = true
            context.fireErrorCaught(BodyDeadlinePassed())
        }
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}

/// How slow a sender may be.
struct ConnectionGuardSettings: Equatable, Sendable {
    /// The longest time between a request's head and the end of its body.
    var bodyDeadline = TimeAmount.seconds(30)
    /// The most bytes of one body that are read, wanted or not, before the connection is closed.
    var drainBytes = 16 * 1024 * 1024
}
