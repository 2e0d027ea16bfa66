import EventModel
import Foundation
import PluginHost
import TestSupport
import Testing

extension WorkerTests {
    @Suite struct CreationTests {
        @Test(
            arguments: [
                ("FAULT_NO_ENTRY", "abi_mismatch"), ("FAULT_NULL_ENTRY", "abi_mismatch"),
                ("FAULT_UNRESOLVED", "load_error"), ("FIXTURE_VERSION=\"2.0.0\"", "identity_mismatch"),
                ("FAULT_NO_PROCESS", "abi_mismatch"),
            ]
        )
        func `A file that does not fit is refused for good`(fault: String, code: String) async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("load", fault))
                let error = await #expect(throws: PluginError.self) { try await session.transform(events([nil])) }
                #expect(error?.code == code)
                #expect(error?.disposition == .quarantine)
                await session.stop()
            }
        }

        @Test(
            arguments: [
                ("FAULT_CRASH_IN_CONSTRUCTOR", "signal_segv"), ("FAULT_HANG_IN_CONSTRUCTOR", "load_timeout"),
                ("FAULT_EXIT_IN_CONSTRUCTOR", "exit_unexpected"), ("FAULT_CREATE_ERROR", "create_failed"),
                ("FAULT_CREATE_HANGS", "load_timeout"), ("FAULT_CREATE_CRASHES", "signal_segv"),
                ("FAULT_CREATE_EXITS", "exit_unexpected"),
            ]
        )
        func `A plugin that cannot be created is tried again later`(fault: String, code: String) async throws {
            var settings = PluginHostSettings()
            settings.creationTime = code == "load_timeout" ? .milliseconds(400) : .seconds(20)
            try await Bench.run(settings) { bench in
                let session = try await bench.session(PluginFixture.library("load", fault))
                for _ in 0..<2 {
                    let error = await #expect(throws: PluginError.self) { try await session.transform(events([nil])) }
                    #expect(error?.code == code)
                    guard case .retry = error?.disposition else {
                        Issue.record("the disposition is \(String(describing: error?.disposition))")
                        return
                    }
                }
                await session.stop()
            }
        }

        @Test func `A file whose content is not what its digest says is never loaded`() async throws {
            try await Bench.run { bench in
                var plugin = try await bench.upload(PluginFixture.library("events"))
                plugin.digest = try #require(PluginDigest(rawValue: String(repeating: "0", count: 64)))
                let session = bench.session(plugin)
                let error = await #expect(throws: PluginError.self) { try await session.transform(events([nil])) }
                #expect(error?.code == "plugin_missing")
                await session.stop()
            }
        }
    }
}
