import EventModel
import Foundation
import Synchronization
import TestSupport
import Testing
import WorkerProtocol

@testable import PluginHost

extension WorkerTests {
    @Suite struct SessionTests {
        @Test func `Events pass through a worker and come back in order`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                let verdicts = try await session.transform(
                    events([nil, "drop", "split", "fail", "retry", "silent", "reserve", nil])
                )
                #expect(
                    verdicts.map(\.words) == [
                        #"{"n":0}"#, "dropped: asked for", #"{"part":1}+{"part":2}"#, "buried: asked_for",
                        "again: not_yet", "buried: no_verdict", #"{"n":6,"do":"reserve"}"#, #"{"n":7}"#,
                    ]
                )
                await session.stop()
            }
        }

        @Test func `Many callers at once each get their own events back`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<40 {
                        group.addTask {
                            for round in 0..<10 {
                                let texts = (0..<17).map { #"{"caller":\#(caller),"round":\#(round),"n":\#($0)}"# }
                                let verdicts = try await session.transform(
                                    texts.map { PluginEvent(json: Array($0.utf8)[...]) }
                                )
                                #expect(verdicts.map(\.words) == texts)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                await session.stop()
            }
        }

        @Test func `A batch larger than the first arenas gets larger ones`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                let filler = String(repeating: "x", count: 30_000)
                let texts = (0..<200).map { #"{"n":\#($0),"filler":"\#(filler)"}"# }
                for _ in 0..<3 {
                    let verdicts = try await session.transform(texts.map { PluginEvent(json: Array($0.utf8)[...]) })
                    #expect(verdicts.map(\.words) == texts)
                }
                let copies = texts.map { #"{"do":"reserve","# + $0.dropFirst() }
                let verdicts = try await session.transform(copies.map { PluginEvent(json: Array($0.utf8)[...]) })
                #expect(verdicts.map(\.words) == copies)
                await session.stop()
            }
        }

        @Test func `Events whose output does not fit together are run apart, and only one too large by itself fails`()
            async throws
        {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                let verdicts = try await session.transform(events(["large", nil, "large", "huge", "drop", "large"]))
                for (number, verdict) in verdicts.enumerated() {
                    switch number {
                    case 0, 2, 5:
                        guard case .emit(let parts) = verdict else {
                            Issue.record("event \(number): \(verdict.words)")
                            continue
                        }
                        #expect(parts.map(\.count) == Array(repeating: 1_000_000, count: 40))
                    case 3: #expect(verdict.words == "buried: output_limit")
                    case 4: #expect(verdict.words == "dropped: asked for")
                    default: #expect(verdict.words == #"{"n":\#(number)}"#)
                    }
                }
                await session.stop()
            }
        }

        @Test func `A connector's requests name the events of their caller`() async throws {
            try await Bench.run { bench in
                var plugin = try await bench.upload(PluginFixture.library("connector"))
                plugin.kinds = [.requests]
                let session = bench.session(
                    plugin,
                    as: .requests,
                    configuration: #"{"url":"https://example.com/in"}"#
                )
                let plan = try await session.build(events([nil, "drop", nil]))
                #expect(plan.requests.map(\.events) == [[0], [2]])
                #expect(plan.requests.map(\.url) == ["https://example.com/in", "https://example.com/in"])
                #expect(plan.fates == [.requested, .drop(reason: "asked for"), .requested])
                await session.stop()
            }
        }

        @Test func `Requests of events that did not fit at first come after the others`() async throws {
            try await Bench.run { bench in
                var plugin = try await bench.upload(PluginFixture.library("connector"))
                plugin.kinds = [.requests]
                let configuration = #"{"url":"https://example.com/in"}"#
                let session = bench.session(plugin, as: .requests, configuration: configuration)
                let plan = try await session.build(events([nil, "large", nil, "large", nil]))
                #expect(plan.requests.map(\.events) == [[0], [2], [4], [1], [3]])
                #expect(plan.requests.map(\.body.count) == [7, 7, 7, 1 << 19, 1 << 19])
                #expect(plan.fates == Array(repeating: .requested, count: 5))
                await session.stop()
            }
        }

        @Test func `A session that is stopped in the middle of a batch ends it and tells its callers`() async throws {
            var settings = PluginHostSettings()
            settings.eventTime = .seconds(60)
            settings.eventTimeCeiling = .seconds(60)
            try await Bench.run(settings) { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                _ = try await session.transform(events([nil]))
                async let leader = Self.error(session, events(["hang"]))
                // Until the batch is under way: its worker begins to be watched.
                while bench.workshop.pump.workers.allSatisfy({ worker in worker.state.withLock { $0.watch == nil } }) {
                    try await Task.sleep(for: .milliseconds(1))
                }
                // Only now, or it might lead; whether it still waits or comes too late, it is told the same.
                async let follower = Self.error(session, events([nil]))
                await session.stop()
                #expect(await leader == .stopped)
                #expect(await follower == .stopped)
            }
        }

        private static func error(_ session: PluginSession, _ events: [PluginEvent]) async -> PluginError? {
            do throws(PluginError) {
                _ = try await session.transform(events)
                return nil
            } catch {
                return error
            }
        }

        @Test func `A stopped session refuses and leaves no worker`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("events"))
                _ = try await session.transform(events([nil]))
                await session.stop()
                await #expect(throws: PluginError.stopped) { try await session.transform(events([nil])) }
            }
        }
    }
}
