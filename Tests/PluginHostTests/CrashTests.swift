import EventModel
import Foundation
import Sandbox
import TestSupport
import Testing
import WorkerProtocol

@testable import PluginHost

extension WorkerTests {
    @Suite struct CrashTests {
        @Test(
            arguments: [
                ("crash", "signal_segv"), ("abort", "signal_abrt"), ("divide", "signal_fpe"), ("illegal", "signal_ill"),
                ("overflow", "signal_segv"), ("exit", "exit_unexpected"), ("exit-3", "exit_unexpected"),
                ("write-input", "signal_segv"), ("eat-memory", "oom"), ("hang", "wall_timeout"),
                ("spin", "wall_timeout"), ("stop", "wall_timeout"),
            ]
        )
        func `The event that ends its worker is buried with the cause and the others pass`(
            order: String,
            cause: String
        ) async throws {
            var settings = PluginHostSettings()
            settings.eventTime = .milliseconds(600)
            settings.limits.memoryBytes = 64 * 1024 * 1024
            try await Bench.run(settings) { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                var orders = [String?](repeating: nil, count: 20)
                orders[13] = order
                let verdicts = try await session.transform(events(orders))
                for (number, verdict) in verdicts.enumerated() {
                    #expect(verdict.words == (number == 13 ? "buried: \(cause)" : #"{"n":\#(number)}"#))
                }
                // The session goes on at once.
                #expect(try await session.transform(events([nil])).map(\.words) == [#"{"n":0}"#])
                await session.stop()
            }
        }

        @Test func `Without a hint the culprits are found by halving`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events", "NO_HINT"))
                var orders = [String?](repeating: nil, count: 30)
                orders[3] = "crash"
                orders[29] = "abort"
                let verdicts = try await session.transform(events(orders))
                for (number, verdict) in verdicts.enumerated() {
                    switch number {
                    case 3: #expect(verdict.words == "buried: signal_segv")
                    case 29: #expect(verdict.words == "buried: signal_abrt")
                    default: #expect(verdict.words == #"{"n":\#(number)}"#)
                    }
                }
                await session.stop()
            }
        }

        @Test func `A plugin that ends on every event is left alone for a while`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                let error = await #expect(throws: PluginError.self) {
                    try await session.transform(events(Array(repeating: "crash", count: 200)))
                }
                #expect(error?.code == "signal_segv")
                guard case .retry(let delay) = error?.disposition else {
                    Issue.record("the disposition is \(String(describing: error?.disposition))")
                    return
                }
                #expect(delay <= .seconds(30))
                await session.stop()
            }
        }

        @Test(
            arguments: [
                "magic", "size", "batch", "data-end", "committed", "offset", "index", "message", "flood", "truncate",
            ]
        )
        func `A plugin that lies to the host is ended and its event buried`(lie: String) async throws {
            var settings = PluginHostSettings()
            settings.eventTime = .milliseconds(500)
            try await Bench.run(settings) { bench in
                let session = try await bench.session(PluginFixture.library("liar"))
                let texts = [#"{"n":0}"#, #"{"lie":"\#(lie)"}"#, #"{"n":2}"#]
                let verdicts = try await session.transform(texts.map { PluginEvent(json: Array($0.utf8)[...]) })
                #expect(verdicts[0].words == texts[0])
                // The size of the arena is sealed, so cutting it does nothing.
                #expect(verdicts[1].words == (lie == "truncate" ? texts[1] : "buried: protocol_violation"))
                #expect(verdicts[2].words == texts[2])
                await session.stop()
            }
        }

        @Test func `A slow plugin is not ended as long as it goes on`() async throws {
            var settings = PluginHostSettings()
            settings.eventTime = .milliseconds(450)
            try await Bench.run(settings) { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                let verdicts = try await session.transform(events(Array(repeating: "slow", count: 5)))
                #expect(verdicts.count == 5)
                #expect(verdicts.allSatisfy { $0.words.contains("slow") })
                await session.stop()
            }
        }

        @Test func `A plugin gets the time that its manifest asks for, up to the ceiling`() async throws {
            var settings = PluginHostSettings()
            settings.eventTime = .milliseconds(50)
            settings.eventTimeCeiling = .milliseconds(600)
            try await Bench.run(settings) { bench in
                var plugin = try await bench.upload(PluginFixture.library("events"))
                plugin.eventTime = .seconds(60)
                let session = bench.session(plugin)
                let verdicts = try await session.transform(events(["slow", "hang"]))
                #expect(verdicts.map(\.words) == [#"{"n":0,"do":"slow"}"#, "buried: wall_timeout"])
                await session.stop()
            }
        }

        @Test func `When the launcher is killed its spare takes over and the batch is run again`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                for round in 0..<2 {
                    _ = try await session.transform(events([nil]))
                    let launcher = try #require(bench.workshop.pump.launcher.active?.pid)
                    kill(launcher, SIGKILL)
                    let verdicts = try await session.transform(events([nil, "drop"]))
                    #expect(verdicts.map(\.words) == [#"{"n":0}"#, "dropped: asked for"], "round \(round)")
                }
                await session.stop()
            }
        }
    }
}
