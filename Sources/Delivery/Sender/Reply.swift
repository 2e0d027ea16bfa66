import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// What came back of a request, as far as anybody will look at it.
struct Reply: Sendable {
    let status: Int
    let headers: HTTPHeaders
    /// When they came.
    let headAt: ContinuousClock.Instant?
    /// The beginning of the body.
    let body: ByteBuffer
    /// Whether the body goes on behind it.
    let isCut: Bool

    /// - Unit: bytes.
    static let maximumBodyBytes = 64 * 1024
    /// The longest header section that is taken, names and values together.
    /// - Unit: bytes.
    static let maximumHeaderBytes = 64 * 1024

    /// Sends a request and reads its answer, in no more time than `limit`, and of its body no more than `bodyBytes`.
    init(
        to request: HTTPClientRequest,
        over client: HTTPClient,
        within limit: Duration,
        bodyBytes: Int = Reply.maximumBodyBytes
    ) async throws {
        let end = NIODeadline.now() + TimeAmount(limit)
        let response = try await client.execute(request, deadline: end)
        let length = response.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        guard length <= Self.maximumHeaderBytes else { throw TransportFault.headers }
        headAt = .now
        status = Int(response.status.code)
        headers = response.headers
        if response.headers.first(name: "Content-Length") == "0" {
            // It has ended with its head.
            for try await _ in response.body {}
            (body, isCut) = (ByteBuffer(), false)
        } else {
            (body, isCut) = try await Self.body(of: response, before: end, bodyBytes)
        }
    }

    /// The client's deadline ends with the answer's head, so the body is read by a task that is called off in time.
    private static func body(
        of response: HTTPClientResponse,
        before end: NIODeadline,
        _ bodyBytes: Int
    ) async throws -> (ByteBuffer, isCut: Bool) {
        // Waited for at once; a task of its own, so that it can be called off alone.
        let reading = Task { try await beginning(of: response, bodyBytes) }
        let alarm = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(deadline: end) { reading.cancel() }
        defer { alarm.cancel() }
        do {
            return try await withTaskCancellationHandler {
                try await reading.value
            } onCancel: {
                reading.cancel()
            }
        } catch {
            guard reading.isCancelled else { throw error }
            throw Task.isCancelled ? TransportFault.cancelled : .timeout
        }
    }

    private static func beginning(
        of response: HTTPClientResponse,
        _ bodyBytes: Int
    ) async throws -> (ByteBuffer, isCut: Bool) {
        var body = ByteBuffer()
        var isCut = false
        for try await var piece in response.body {
            let room = bodyBytes - body.readableBytes
            isCut = piece.readableBytes > room
            if let kept = piece.readSlice(length: min(piece.readableBytes, room)) { body.writeImmutableBuffer(kept) }
            // Not reading on closes this connection, which is cheaper than reading an endless answer.
            if isCut { break }
        }
        // An answer that was called off in the middle looks like one that ended there.
        try Task.checkCancellation()
        return (body, isCut)
    }
}
