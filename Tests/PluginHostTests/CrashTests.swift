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
            // Only who is to run out of time is given little of it.
            settings.eventTime = cause == "wall_timeout" ? .seconds(2) : .seconds(20)
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
            settings.eventTime = .seconds(20)
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
            settings.eventTime = .seconds(2)
            try await Bench.run(settings) { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                let verdicts = try await session.transform(events(Array(repeating: "slow", count: 15)))
                // Each takes a fifth of a second, and so all together longer than one may.
                #expect(verdicts.count == 15)
                #expect(verdicts.allSatisfy { $0.words.contains("slow") })
                await session.stop()
            }
        }

        @Test func `A plugin gets the time that its manifest asks for, up to the ceiling`() async throws {
            var settings = PluginHostSettings()
            settings.eventTime = .milliseconds(50)
            settings.eventTimeCeiling = .seconds(3)
            try await Bench.run(settings) { bench in
                var plugin = try await bench.upload(PluginFixture.library("events"))
                // Longer than the test may take.
                plugin.eventTime = .seconds(600)
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

        /// The test speaks for the process, as it does when its launcher ends before it has sealed itself.
        @Test func `A worker that cannot be sealed while nobody waits says so to the first who asks`() async throws {
            try await Bench.run { bench in
                let pump = bench.workshop.pump
                let (worker, ends) = try Worker.prepare(number: .max, limits: WorkerLimits(), pump: pump)
                let version: [6 of UInt64] = [ControlMessage.protocolVersion, 0, 0, 0, 0, 0]
                Self.say(ControlMessage(.hello, sequence: 1, values: version), on: ends[1])
                let code = WorkerFailure.sandboxUnavailable.rawValue
                Self.say(ControlMessage(.failed, sequence: 2, code: code), on: ends[1])
                for _ in 0..<2 { #expect(worker.hasSpoken()) }
                // It also ends before it is asked.
                worker.hasEnded(WorkerEnd(verdict: .launcherDied))
                let watch = Watch(.loadTimeout, now: MonotonicTime.now, limit: 1_000_000_000, ceiling: 1_000_000_000)
                guard case .failed(.sandboxUnavailable, _) = await worker.load(file: -1, watch: watch) else {
                    Issue.record("something else was heard")
                    return
                }
            }
        }

        @Test func `A sealed worker that says so breaks the protocol`() async throws {
            try await Bench.run { bench in
                let (worker, ends) = try Worker.prepare(number: .max, limits: WorkerLimits(), pump: bench.workshop.pump)
                Self.say(ControlMessage(.sealed, sequence: 1), on: ends[1])
                let code = WorkerFailure.sandboxUnavailable.rawValue
                Self.say(ControlMessage(.failed, sequence: 2, code: code), on: ends[1])
                #expect(worker.hasSpoken())
                #expect(!worker.hasSpoken())
                worker.hasEnded(WorkerEnd(signal: SIGKILL))
                #expect(worker.end?.verdict == .protocolViolation)
            }
        }

        private static func say(_ message: ControlMessage, on end: Descriptor) {
            let bytes = message.bytes
            #expect(unsafe write(end.number, bytes, bytes.count) == bytes.count)
        }
    }
}
