import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A real HTTP server that keeps what it receives and misbehaves on demand; on the loopback address unless told otherwise.
package final class RecordingServer: Sendable {
    /// A request as it came.
    package struct Request: Sendable {
        /// From 0, in the order in which requests were complete.
        package let number: Int
        package let method: String
        package let uri: String
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]
        package let at: ContinuousClock.Instant
        /// Which connection it came over, from 0.
        package let connection: Int
        /// The address of the machine that it came from.
        package let peer: String

        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// What the server does with a request.
    package enum Reaction: Sendable {
        case answer(Int, headers: [(String, String)] = [], body: String = "")
        /// Closes the connection without a word.
        case hangUp
        /// Never answers.
        case silence
        /// Sends a head that promises a body, and then nothing.
        case stall
        /// Sends an answer without an end.
        case endless
        /// Sends bytes that are not HTTP.
        case garbage
        /// Answers only when the test says so, see ``release()``.
        case hold(Int, headers: [(String, String)] = [])
        /// Answers after so many milliseconds.
        case late(Int, milliseconds: Int64)
    }

    package let port: Int
    package var url: String { "http://\(host):\(port)" }
    private let host: String

    private let channel: any Channel
    private let book: RequestBook

    private init(channel: any Channel, book: RequestBook, host: String) {
        self.channel = channel
        self.host = host
        self.book = book
        port = channel.localAddress?.port ?? 0
    }

    /// Runs a server for as long as `body` runs; `react` is called on the server's thread.
    package static func with<Result>(
        port: Int = 0,
        _ react: @escaping @Sendable (Request) -> Reaction = { _ in .answer(200) },
        _ body: (RecordingServer) async throws -> Result
    ) async throws -> Result {
        let server = try await start(port: port, react)
        do {
            let result = try await body(server)
            try await server.stop()
            return result
        } catch {
            try? await server.stop()
            throw error
        }
    }

    package static func start(
        host: String = "127.0.0.1",
        port: Int = 0,
        _ react: @escaping @Sendable (Request) -> Reaction = { _ in .answer(200) }
    ) async throws -> RecordingServer {
        let book = RequestBook(react: react)
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
                    try channel.pipeline.syncOperations.addHandler(decoder)
                    try channel.pipeline.syncOperations.addHandler(RequestRecorder(book: book, channel: channel))
                }
            }
        let channel = try await bootstrap.bind(host: host, port: port).get()
        return RecordingServer(channel: channel, book: book, host: host)
    }

    /// Closes the port and every connection.
    package func stop() async throws {
        try? await channel.close()
        for connection in book.takeConnections() { try? await connection.close() }
    }

    package var requests: [Request] { book.requests }

    /// Answers every held request, and each that comes later as `react` says.
    package func release() { book.release() }

    /// Waits until the requests so far are as wanted, or for at most `bound`, and says whether they are.
    @discardableResult
    package func wait(
        atMost bound: Duration = .seconds(20),
        until isEnough: @escaping @Sendable ([Request]) -> Bool
    ) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await self.book.wait(until: isEnough) }
            group.addTask {
                try? await Task.sleep(for: bound)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    @discardableResult
    package func wait(for count: Int, atMost bound: Duration = .seconds(60)) async -> Bool {
        await wait(atMost: bound) { $0.count >= count }
    }
}

/// What a server received, and who waits for more.
private final class RequestBook: Sendable {
    private struct State {
        var requests: [RecordingServer.Request] = []
        var connections: [ObjectIdentifier: any Channel] = [:]
        var connectionCount = 0
        /// Requests that were received and not yet reacted to.
        var reacting = 0
        var held: [@Sendable () -> Void] = []
        var waiters: [Int: (isEnough: @Sendable ([RecordingServer.Request]) -> Bool, AsyncStream<Bool>.Continuation)] =
            [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())
    let react: @Sendable (RecordingServer.Request) -> RecordingServer.Reaction

    init(react: @escaping @Sendable (RecordingServer.Request) -> RecordingServer.Reaction) { self.react = react }

    var requests: [RecordingServer.Request] { state.withLock { $0.requests } }

    func opened(_ channel: any Channel) -> Int {
        state.withLock { state in
            state.connections[ObjectIdentifier(channel)] = channel
            state.connectionCount += 1
            return state.connectionCount - 1
        }
    }

    func closed(_ channel: any Channel) { state.withLock { $0.connections[ObjectIdentifier(channel)] = nil } }
    func takeConnections() -> [any Channel] { state.withLock { Array($0.connections.values) } }
    func hold(_ answer: @escaping @Sendable () -> Void) { state.withLock { $0.held.append(answer) } }

    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for answer in held { answer() }
    }

    func record(_ make: (Int) -> RecordingServer.Request) -> RecordingServer.Request {
        state.withLock { state in
            let request = make(state.requests.count)
            state.requests.append(request)
            state.reacting += 1
            return request
        }
    }

    /// Wakes those who wait, once what was to be done with a request is done.
    func tell() {
        state.withLock { state in
            state.reacting -= 1
            guard state.reacting == 0 else { return }
            for (number, waiter) in state.waiters where waiter.isEnough(state.requests) {
                waiter.1.yield(true)
                state.waiters[number] = nil
            }
        }
    }

    func wait(until isEnough: @escaping @Sendable ([RecordingServer.Request]) -> Bool) async -> Bool {
        let (stream, continuation) = AsyncStream.makeStream(of: Bool.self)
        let number = state.withLock { state -> Int? in
            if state.reacting == 0, isEnough(state.requests) { return nil }
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = (isEnough, continuation)
            return state.nextWaiter
        }
        guard let number else { return true }
        for await _ in stream { return true }
        state.withLock { $0.waiters[number] = nil }
        return false
    }
}

/// Gathers one request after another from a connection and does with each what the test wants.
private final class RequestRecorder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let book: RequestBook
    private let connection: Int
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(book: RequestBook, channel: any Channel) {
        self.book = book
        connection = book.opened(channel)
    }

    func channelInactive(context: ChannelHandlerContext) {
        book.closed(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let piece): body.append(contentsOf: piece.readableBytesView)
        case .end:
            guard let head else { return }
            let (body, connection) = (body, connection)
            let peer = context.channel.remoteAddress?.ipAddress ?? ""
            let request = book.record { number in
                RecordingServer.Request(
                    number: number,
                    method: head.method.rawValue,
                    uri: head.uri,
                    headers: head.headers.map { ($0.name, $0.value) },
                    body: body,
                    at: .now,
                    connection: connection,
                    peer: peer
                )
            }
            perform(book.react(request), context.channel)
            book.tell()
        }
    }

    private func perform(_ reaction: RecordingServer.Reaction, _ channel: any Channel) {
        switch reaction {
        case .answer(let status, let headers, let body): Self.answer(status, headers, body, channel)
        case .hangUp: channel.close(promise: nil)
        case .silence: break
        case .stall: Self.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", channel)
        case .endless:
            Self.write("HTTP/1.1 500 No end\r\nTransfer-Encoding: chunked\r\n\r\n", channel)
            Self.writeEndlessly(channel)
        case .garbage: Self.write("\u{1}\u{2}this is no answer\r\n\r\n", channel)
        case .late(let status, let milliseconds):
            channel.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { Self.answer(status, [], "", channel) }
        case .hold(let status, let headers): book.hold { Self.answer(status, headers, "", channel) }
        }
    }

    private static func answer(_ status: Int, _ headers: [(String, String)], _ body: String, _ channel: any Channel) {
        let fields = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
        write("HTTP/1.1 \(status) Test\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)", channel)
    }

    private static func write(_ text: String, _ channel: any Channel) {
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    private static func writeEndlessly(_ channel: any Channel) {
        let piece = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
        channel.writeAndFlush(ByteBuffer(string: piece)).whenSuccess { writeEndlessly(channel) }
    }
}
