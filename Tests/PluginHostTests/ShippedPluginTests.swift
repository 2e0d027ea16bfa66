import EventModel
import Foundation
import PluginHost
import TestSupport
import Testing
import WorkerProtocol

extension WorkerTests {
    /// The plugins that ship and the example in Swift, as the files that a user uploads, in sealed workers.
    @Suite struct ShippedPluginTests {
        /// Takes a library and its manifest as an upload does.
        private static func plugin(_ library: URL, _ folder: String, _ bench: Bench) throws -> PluginIdentity {
            let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let text = try Data(contentsOf: top.appending(path: "\(folder)/manifest.json"))
            let manifest = try Manifest(parsing: [UInt8](text))
            _ = try PluginFile.vet([UInt8](try Data(contentsOf: library)), entry: manifest.entry)
            var plugin = try bench.upload(library)
            plugin.id = manifest.id
            plugin.version = manifest.version
            plugin.kinds = [manifest.kind]
            plugin.entry = manifest.entry
            return plugin
        }

        @Test func `The example in C is taken with its manifest`() async throws {
            let library = try await PluginFixture.example("c-drop-bots/drop_bots.c")
            try await Bench.run { bench in
                let session = bench.session(try Self.plugin(library, "examples/c-drop-bots", bench))
                let text = #"{"context":{"userAgent":"Googlebot/2.1"}}"#
                let verdicts = try await session.transform([PluginEvent(json: Array(text.utf8)[...])])
                #expect(verdicts.map(\.words) == ["dropped: bot"])
                await session.stop()
            }
        }

        @Test func `The webhook runs in a sealed worker with its own standard library`() async throws {
            try await Bench.run { bench in
                let library = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
                    .appending(path: "libWebhook.so")
                let plugin = try Self.plugin(library, "Plugins/Connectors/Webhook", bench)
                let configuration = #"{"url":"https://example.com/in","batch":2}"#
                let session = bench.session(plugin, as: .requests, configuration: configuration)
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
            let library = try await ExamplePackage.build("swift-mask-email", product: "MaskEmail")
            try await Bench.run { bench in
                let plugin = try Self.plugin(library, "examples/swift-mask-email", bench)
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
