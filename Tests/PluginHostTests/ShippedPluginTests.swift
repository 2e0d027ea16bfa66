import Foundation
import PluginHost
import TestSupport
import Testing
import WorkerProtocol

extension WorkerTests {
    /// The plugins that ship and the example in Swift, as the files that a user uploads, in sealed workers.
    @Suite struct ShippedPluginTests {
        @Test func `The webhook runs in a sealed worker with its own standard library`() async throws {
            try await Bench.run { bench in
                let library = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
                    .appending(path: "libWebhook.so")
                var plugin = try bench.upload(library)
                plugin.id = "leat.webhook"
                plugin.kinds = [.destinationRequest]
                let configuration = #"{"url":"https://example.com/in","batch":2}"#
                let session = bench.session(plugin, as: .destinationRequest, configuration: configuration)
                let plan = try await session.build(events([nil, nil, nil]))
                #expect(plan.requests.map(\.events) == [[0, 1], [2]])
                #expect(
                    plan.requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                        #"[{"n":0},{"n":1}]"#, #"[{"n":2}]"#,
                    ]
                )
                await session.stop()
            }
        }

        @Test func `The example in Swift builds by one command and masks addresses`() async throws {
            let library = try ExamplePackage.build("swift-mask-email", product: "MaskEmail")
            try await Bench.run { bench in
                var plugin = try bench.upload(library)
                plugin.id = "com.example.mask-email"
                let session = bench.session(plugin)
                let texts = [
                    #"{"type":"identify","traits":{"email":"ada.lovelace@example.com","n":1.0}}"#,
                    #"{"context":{"traits":{"email":"a@b"}},"properties":{"email":"grace@example.org"}}"#,
                    #"{"properties":{"email":"nothing"}}"#,
                ]
                let verdicts = try await session.transform(texts.map { PluginEvent(json: Array($0.utf8)[...]) })
                #expect(
                    verdicts.map(\.words) == [
                        #"{"type":"identify","traits":{"email":"a***@example.com","n":1.0}}"#,
                        #"{"context":{"traits":{"email":"a***@b"}},"properties":{"email":"g***@example.org"}}"#,
                        texts[2],
                    ]
                )
                await session.stop()
            }
        }
    }
}
