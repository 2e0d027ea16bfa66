import Foundation
import TestSupport
import Testing

@testable import Ingestion

@Suite struct BrowserTests {
    private static let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "SDKs/page.html")

    @Test(.timeLimit(.minutes(2))) func `A page of another origin in Chromium sends events in every way it has`()
        async throws
    {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        try await RunningIngestion.with(page: page) { server in
            // `localhost` and `127.0.0.1` are two origins of one server.
            let shown = try await Chromium.dump("http://localhost:\(server.port)/")
            let start = try #require(shown.range(of: #"<pre id="result">"#), "\(shown)")
            let end = try #require(shown.range(of: "</pre>"), "\(shown)")
            let text = String(shown[start.upperBound..<end.lowerBound])
            let result = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
            for way in ["fetch", "credentials", "text", "keepalive", "batch"] {
                let answer = try #require(result[way] as? [Any], "\(way): \(text)")
                #expect(answer[0] as? Int == 200 && answer[1] as? String == "OK", "\(way): \(answer)")
            }
            let refused = try #require(result["refused"] as? [Any])
            #expect(refused[0] as? Int == 401 && (refused[1] as? String)?.contains("write_key_invalid") == true)
            #expect(result["beacon"] as? Bool == true)
            #expect(result["pixel"] as? String == "1x1")
            #expect(result["sourceConfig"] as? Bool == true)
            #expect(result["settings"] as? String == "127.0.0.1:\(server.port)/v1")

            await server.log.reaches { kept, _ in kept >= 8 }
            let ids = server.log.objects.compactMap { $0["messageId"] as? String }
            #expect(
                ids.sorted() == [
                    "id-batch-1", "id-batch-2", "id-beacon", "id-credentials", "id-fetch", "id-keepalive", "id-pixel",
                    "id-text",
                ]
            )
        }
    }
}

/// Debian's Chromium without a window.
enum Chromium {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The page at `address` after its scripts have run.
    static func dump(_ address: String) async throws -> String {
        let profile = FileManager.default.temporaryDirectory.appending(path: "leat-chromium-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: profile) }
        let ended = try await Program.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--user-data-dir=\(profile.path)", "--virtual-time-budget=20000", "--dump-dom", address,
            ]
        )
        guard ended.status == 0 else {
            throw Failure(description: "chromium ended with \(ended.status); is the package installed?")
        }
        return ended.output
    }
}
