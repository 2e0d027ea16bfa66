import EventModel
import Foundation
import Sandbox
import TestSupport
import Testing

@testable import PluginHost

extension WorkerTests {
    @Suite struct WishTests {
        /// What the kernel says of a process's memory, in bytes.
        private static func memory(of process: Int32?) throws -> UInt64? {
            let text = try String(contentsOfFile: "/proc/\(process ?? 0)/limits", encoding: .utf8)
            let line = text.split(separator: "\n").first { $0.hasPrefix("Max data size") }
            return line?.split(separator: " ").dropFirst(3).first.flatMap { UInt64($0) }
        }

        @Test func `A plugin has the memory that its manifest wishes for, within the server's bounds`() async throws {
            let mebibyte: UInt64 = 1024 * 1024
            try await Bench.run { bench in
                let library = try await PluginFixture.library("events")
                // Nothing; a plain wish; so little that no worker could start; more than there is for anybody.
                let wishes: [(wish: UInt64?, granted: UInt64)] = [(nil, 256), (96, 96), (1, 32), (1_000_000, 1024)]
                for (wish, granted) in wishes {
                    var plugin = try bench.upload(library)
                    plugin.memoryBytes = wish.map { $0 * mebibyte }
                    let session = bench.session(plugin)
                    #expect(try await session.transform(events([nil])).map(\.words) == [#"{"n":0}"#])
                    #expect(try await Self.memory(of: session.workerProcess) == granted * mebibyte)
                    // The next worker has it too, whether it was started ahead or not; much takes long to fill.
                    guard granted < 100 else {
                        await session.stop()
                        continue
                    }
                    let verdicts = try await session.transform(events(["eat-memory", nil]))
                    #expect(verdicts.map(\.words) == ["buried: oom", #"{"n":1}"#])
                    #expect(try await Self.memory(of: session.workerProcess) == granted * mebibyte)
                    await session.stop()
                }
            }
        }

        @Test func `A plugin has the time to be created that its manifest wishes for`() async throws {
            var settings = PluginHostSettings()
            settings.creationTime = .seconds(600)
            settings.creationTimeCeiling = .milliseconds(900)
            try await Bench.run(settings) { bench in
                var plugin = try await bench.upload(PluginFixture.library("load", "FAULT_CREATE_HANGS"))
                for wish in [.milliseconds(200), .seconds(600)] as [Duration] {
                    plugin.creationTime = wish
                    let session = bench.session(plugin)
                    let error = await #expect(throws: PluginError.self) { try await session.transform(events([nil])) }
                    #expect(error?.code == "load_timeout")
                    await session.stop()
                }
            }
        }

        @Test func `What a manifest wishes for is what its plugin runs with`() throws {
            let text = """
                {"id":"a.b.c","version":"1.0.0","kind":"transform","abi":{"major":1},
                 "limits":{"wall_ms":700,"create_ms":8000,"memory_mib":64}}
                """
            let plugin = PluginIdentity(try Manifest(parsing: Array(text.utf8)), digest: .zero)
            let settings = PluginHostSettings()
            #expect(plugin.eventTime == .milliseconds(700))
            #expect(settings.creationTime(for: plugin) == .seconds(8))
            #expect(settings.limits(for: plugin).memoryBytes == 64 * 1024 * 1024)
        }
    }
}
