import EventLog
import EventModel
import Foundation
import Pipeline
import Telemetry
import TestSupport
import Testing
import WorkerProtocol

/// Parts of events that plugins drop while other parts of them go on.
@Suite(.timeLimit(.minutes(2))) struct PartDropTests {
    private static let orders = [1: "split-drop", 2: "drop", 3: "split-drop", 4: "split"]

    @Test(arguments: ["test.connector", "test.events"])
    func `A part that is dropped beside others is counted by its reason, and the counts stay whole`(plugin: String)
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                if plugin == "test.events" {
                    try await line.declare("transformations: [{plugin: test.events}, {plugin: test.events}]")
                }
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(6, users: 3, orders: Self.orders))
                    try await line.wait { $0.read == 6 && $0.delivered == 6 }
                    let counts = try await line.log.counts(of: line.consumer, line.partitions)
                    #expect(
                        counts.reasons.events == [
                            "test.events: asked for": 1, "part dropped by \(plugin): asked for": 2,
                        ]
                    )
                    #expect(counts.reasons.droppedParts == 2)
                    #expect(counts.counts.dropped == 1 && counts.counts.transformed == 5)
                    #expect(counts.counts.emitted == 6 && counts.counts.reconcile)
                    let family = pipeline.metrics().first { $0.name == "leat_dropped_parts_total" }
                    #expect(family?.samples.map(\.value) == [2])
                    try await line.expectSound()
                }
            }
            #expect(server.requests.count == 6)
        }
    }

    @Test func `A part that the source's transformations drop is counted and shown on each of its connections`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false)) { line in
                try await line.transformSource("[{plugin: test.events}, {plugin: test.events}]")
                let consumers = try await line.fan(to: server.url, 2)
                try await line.runningPipeline { pipeline in
                    let watched = try #require(try pipeline.tail.watch(TailWish(stage: .transformed)))
                    try await line.append(Line.events(6, users: 3, orders: Self.orders))
                    let shown = await Self.told(watched, 2 * 9)
                    #expect(shown.count { $0.hasSuffix(" dropped test.events: asked for") } == 2 * 3, "\(shown)")
                    for consumer in consumers {
                        try await line.of(consumer).wait { $0.read == 6 && $0.delivered == 6 }
                        let counts = try await line.log.counts(of: consumer, line.partitions)
                        #expect(
                            counts.reasons.events == [
                                "test.events: asked for": 1, "part dropped by test.events: asked for": 2,
                            ]
                        )
                        #expect(counts.reasons.droppedParts == 2 && counts.counts.reconcile)
                    }
                    let family = pipeline.metrics().first { $0.name == "leat_dropped_parts_total" }
                    #expect(family?.samples.map(\.value) == [4])
                    try await line.expectSound()
                }
            }
        }
    }

    @Test func `What plugins say of the parts that they drop counts against the lane's bound`() {
        var settings = LaneSettings()
        settings.windowBytes = 64 * 1024
        var machine = LaneMachine(
            partition: PartitionID(rawValue: 1),
            destination: DestinationID(rawValue: 1),
            settings: settings
        )
        let chain = ["a", "b", "c"].map { PluginLabel(id: $0, version: "1") }
        let now = Moment(instant: .now, wall: 0)
        let json = Array("{}".utf8)[...]
        machine.read(
            [LaneEvent(offset: 0, sliceTime: 0, userHash: 1, receivedAt: 0, json: json)],
            chain: chain,
            at: now
        )
        machine.transformed(0, [.emit(Array(repeating: json, count: 300)[...])], at: now)
        #expect(machine.room != nil)
        let reason = String(repeating: "x", count: 250)
        let drops = Array(repeating: PluginVerdict.drop(reason: reason), count: 299)
        machine.transformed(0, drops + [.emit([json])], at: now)
        #expect(machine.room == nil)
    }

    @Test func `Who watches sees what was filtered and dropped, why, and before which stage`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.declare("filter: n != 0, transformations: [{plugin: test.events}]")
                try await line.runningPipeline { pipeline in
                    var wish = TailWish(stage: .delivered)
                    let delivered = try #require(try pipeline.tail.watch(wish))
                    wish.outcome = .filtered
                    let filtered = try #require(try pipeline.tail.watch(wish))
                    let transformed = try #require(try pipeline.tail.watch(TailWish(stage: .transformed)))
                    try await line.append(Line.events(4, users: 1, orders: Self.orders))
                    let ends = await Self.told(delivered, 6)
                    #expect(
                        ends == [
                            "0 filtered the filter does not hold: n != 0", "1.0 delivered",
                            "1.1 dropped test.connector: asked for",
                            "2 dropped test.events: asked for", "3.0 delivered",
                            "3.1 dropped test.connector: asked for",
                        ]
                    )
                    let passing = await Self.told(transformed, 6)
                    #expect(
                        passing == [
                            "0 filtered the filter does not hold: n != 0", "1.0", "1.1",
                            "2 dropped test.events: asked for", "3.0", "3.1",
                        ]
                    )
                    let unwanted = await Self.told(filtered, 1)
                    #expect(unwanted == ["0 filtered the filter does not hold: n != 0"])
                }
            }
        }
    }

    /// So many events, in the order of the log.
    private static func told(_ watcher: TailWatcher, _ count: Int) async -> [String] {
        var told: [String] = []
        while told.count < count, let page = await watcher.next() {
            told += page.items.map { item in
                let part = item.part.map { ".\($0)" } ?? ""
                let words = [item.fate?.outcome.rawValue, item.fate?.reason].compactMap { $0 }
                return (["\(item.offset)\(part)"] + words).joined(separator: " ")
            }
        }
        return told.sorted()
    }
}
