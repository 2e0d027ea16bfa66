import Hummingbird
import HummingbirdTesting
import Ingestion
import NIOCore
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct StalledAnswerTests {
    @Test func `An answer that nobody takes is cut off, and whoever writes it hears of it`() async throws {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let router = Router()
        router.get("/endless") { _, _ in
            Response(
                status: .ok,
                body: ResponseBody { writer in
                    defer { end.finish() }
                    let block = ByteBuffer(repeating: 0x61, count: 64 * 1024)
                    while true { try await writer.write(block) }
                }
            )
        }
        var settings = IngestionSettings()
        settings.answerTimeout = .milliseconds(500)
        let application = Application(
            router: router,
            server: .ingestion(settings),
            configuration: .init(address: .hostname("127.0.0.1", port: 0))
        )
        try await application.test(.live) { client in
            let port = try #require(client.port)
            _ = try await RawConnection.talk(to: port) { outbound in
                try await outbound.write(ByteBuffer(string: "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"))
                // Nothing is read until the other side has had enough.
                for await _ in ends {}
            }
        }
    }
}
