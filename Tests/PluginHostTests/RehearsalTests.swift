import EventModel
import TestSupport
import Testing
import WorkerProtocol

@testable import PluginHost

extension WorkerTests {
    @Suite struct RehearsalTests {
        @Test func `Events go through several stages, and each tells where it ended`() async throws {
            try await Bench.run { bench in
                let rehearsal = Rehearsal(workshop: bench.workshop, logger: bench.logger)
                let stage = try bench.stage(try await PluginFixture.library("events"))
                let connector = try bench.stage(
                    try await PluginFixture.library("connector"),
                    .requests,
                    config: #"{"url":"http://127.0.0.1:9/hook"}"#
                )
                let batch = try await rehearsal.run(
                    events([nil, "drop", "split", "fail", "retry", "crash", "bad-url"]),
                    through: [stage, stage, connector]
                ) { event, part in Array("\(event).\(part)".utf8)[...] }
                let ends = batch.events.map(\.end)
                #expect(ends[0] == .passed && ends[2] == .passed)
                #expect(ends[1] == .dropped(stage: 0, reason: "asked for"))
                guard case .failed(0, "asked_for", _, false) = ends[3], case .failed(0, "not_yet", _, true) = ends[4],
                    case .failed(0, "signal_segv", _, false) = ends[5]
                else {
                    Issue.record("\(ends)")
                    return
                }
                #expect(
                    batch.events[0].outputs.map { $0.map { String(decoding: $0, as: UTF8.self) } } == [
                        [#"{"n":0}"#], [#"{"n":0}"#],
                    ]
                )
                #expect(batch.events[2].outputs.map(\.count) == [2, 2] && batch.events[2].requests.count == 2)
                #expect(batch.took.count == 3)
                let keys = batch.requests.map { String(decoding: $0.idempotencyKey.utf8, as: UTF8.self) }
                #expect(Set(keys).isSuperset(of: ["0.0", "2.0", "2.1"]))
                #expect(bench.workshop.timings.recent(pluginID: stage.plugin.id).isEmpty)
            }
        }

        @Test func `A run has bounds of events and of time, and leaves no worker behind`() async throws {
            try await Bench.run { bench in
                let rehearsal = Rehearsal(
                    workshop: bench.workshop,
                    timeLimit: .milliseconds(300),
                    logger: bench.logger
                )
                let stage = try bench.stage(try await PluginFixture.library("events"))
                let many = Array(repeating: PluginEvent(json: [0x7B, 0x7D]), count: Rehearsal.mostEvents + 1)
                await #expect(throws: RehearsalError.tooMany(events: many.count)) {
                    try await rehearsal.run(many, through: [stage])
                }
                await #expect(throws: RehearsalError.tooSlow(.milliseconds(300))) {
                    try await rehearsal.run(events(Array(repeating: "slow", count: 30)), through: [stage])
                }
                let again = try await rehearsal.run(events([nil]), through: [])
                #expect(again.events.map(\.end) == [.passed])
            }
        }
    }
}
