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

    /// - Unit: bytes.
    static let maximumBodyBytes = 64 * 1024
    /// The longest header section that is taken, names and values together.
    /// - Unit: bytes.
    static let maximumHeaderBytes = 64 * 1024

    /// Sends a request and reads its answer, in no more time than `limit`.
    init(to request: HTTPClientRequest, over client: HTTPClient, within limit: Duration) async throws {
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
            body = ByteBuffer()
        } else {
            body = try await Self.body(of: response, before: end)
        }
    }

    /// The client's deadline ends with the answer's head, so the body is read by a task that is called off in time.
    private static func body(of response: HTTPClientResponse, before end: NIODeadline) async throws -> ByteBuffer {
        // Waited for at once; a task of its own, so that it can be called off alone.
        let reading = Task { try await beginning(of: response) }
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

    private static func beginning(of response: HTTPClientResponse) async throws -> ByteBuffer {
        var body = ByteBuffer()
        for try await var piece in response.body {
            let room = maximumBodyBytes - body.readableBytes
            if let kept = piece.readSlice(length: min(piece.readableBytes, room)) { body.writeImmutableBuffer(kept) }
            // Not reading on closes this connection, which is cheaper than reading an endless answer.
            if body.readableBytes >= maximumBodyBytes { break }
        }
        // An answer that was called off in the middle looks like one that ended there.
        try Task.checkCancellation()
        return body
    }
}
