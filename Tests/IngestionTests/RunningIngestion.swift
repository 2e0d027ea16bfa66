import AsyncHTTPClient
import Catalog
import EventModel
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle

@testable import Ingestion

/// A real server on a free loopback port, before a log that records.
struct RunningIngestion: Sendable {
    static let writeKey = "WRITE_KEY"
    static let source = Source(id: SourceID(rawValue: 7), name: "web", enabled: true, partitions: 4, generation: 1)
    static let disabled = Source(id: SourceID(rawValue: 8), name: "old", enabled: false, partitions: 4, generation: 1)

    /// Its limits are so small that a test reaches them, and so slow that none waits for them.
    static let metered = Source(
        id: SourceID(rawValue: 9),
        name: "metered",
        enabled: true,
        partitions: 1,
        generation: 0,
        limits: SourceLimits(eventsPerSecond: 3, bytesPerSecond: 100_000, bytesPerDay: 2_000)
    )
    static let meteredKey = "METERED_KEY"

    static let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    let port: Int
    let log: RecordingLog
    let ingestion: Ingestion

    static let configuration = CatalogSnapshot(
        revision: 1,
        sources: [source, disabled, metered],
        writeKeys: [
            WriteKey(hash: SecretHash(of: writeKey), source: source.id, hint: "_KEY", createdAt: 0),
            WriteKey(hash: SecretHash(of: meteredKey), source: metered.id, hint: "_KEY", createdAt: 0),
            WriteKey(hash: SecretHash(of: "OLD_KEY"), source: disabled.id, hint: "_KEY", createdAt: 0),
        ]
    )

    /// Runs `body` against a server that is gone afterwards.
    static func with<Result: Sendable>(
        settings: IngestionSettings = .init(),
        port: Int = 0,
        log: RecordingLog = RecordingLog(),
        page: String? = nil,
        append: AppendQueue.Append? = nil,
        door: Door = Door(),
        _ body: @Sendable @escaping (RunningIngestion) async throws -> Result
    ) async throws -> Result {
        let logger = silent
        let append = append ?? { try await log.append($0) }
        let queue = AppendQueue(settings: settings.queue, logger: logger, append: append)
        let ingestion = Ingestion(
            settings: settings,
            queue: queue,
            refused: RefusedSamples(),
            door: door,
            configuration: { configuration }
        )
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: IngestionResponder(ingestion, next: PageResponder(page: page)),
            server: .ingestion(settings),
            configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) },
            logger: logger
        )
        let services = ServiceGroup(
            configuration: .init(
                services: [.init(service: queue), .init(service: application)],
                logger: logger
            )
        )
        return try await withThrowingTaskGroup { group in
            group.addTask {
                defer { found.finish() }
                try await services.run()
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else {
                try await group.waitForAll()
                throw NotServing()
            }
            let running = RunningIngestion(port: port, log: log, ingestion: ingestion)
            do {
                let result = try await body(running)
                log.behave(.keep)
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
                return result
            } catch {
                log.behave(.keep)
                await services.triggerGracefulShutdown()
                throw error
            }
        }
    }

    struct NotServing: Error {}

    struct Reply {
        let status: Int
        let body: String
        let headers: [String: String]
        subscript(_ name: String) -> String? { headers[name.lowercased()] }
    }

    /// Sends one request as a client would.
    func send(
        _ method: String,
        _ path: String,
        _ body: [UInt8]? = nil,
        key: String? = writeKey,
        headers: [String: String] = [:]
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .init(rawValue: method)
        if let key { request.setBasicAuth(username: key, password: "") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(body) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        var found: [String: String] = [:]
        for (name, value) in response.headers { found[name.lowercased()] = value }
        return Reply(status: Int(response.status.code), body: String(buffer: bytes), headers: found)
    }

    /// Posts a text.
    func post(_ path: String, _ body: String, key: String? = writeKey, headers: [String: String] = [:]) async throws
        -> Reply
    {
        try await send("POST", path, Array(body.utf8), key: key, headers: headers)
    }
}

/// Serves one page at the root, and nothing anywhere else.
struct PageResponder: HTTPResponder {
    let page: String?

    func respond(to request: Request, context: IngestionContext) async throws -> Response {
        guard let page, request.uri.path == "/" else {
            return try await NotFoundResponder<IngestionContext>().respond(to: request, context: context)
        }
        let headers: HTTPFields = [.contentType: "text/html; charset=utf-8"]
        return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(string: page)))
    }
}
