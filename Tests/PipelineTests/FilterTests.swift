import Catalog
import Conditions
import EventLog
import EventModel
import Foundation
import PluginHost
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Pipeline

/// Connections that want a part of what their source accepts.
@Suite(.timeLimit(.minutes(3))) struct FilterTests {
    /// As an SDK sends them: every third is an order, the others are pages and sign-ups.
    private static func event(_ number: Int) -> Line.Event {
        let user = "u\(number % 40)"
        let common = "\"user\":\"\(user)\",\"n\":\(number),\"userId\":\"\(user)\""
        let isGiven = number % 4 != 0
        let consent = number % 5 == 0 ? "{}" : "{\"consent\":{\"categoryPreferences\":{\"Ads\":\(isGiven)}}}"
        let text =
            switch number % 3 {
            case 0: "{\"type\":\"track\",\"event\":\"Order Completed\",\"properties\":{\"total\":\(number)}"
            case 1: "{\"type\":\"track\",\"event\":\"Signed Up\""
            default: "{\"type\":\"page\",\"name\":\"Home\""
            }
        return Line.Event(user: user, text: text + ",\(common),\"context\":\(consent)}")
    }

    private static func received(_ server: RecordingServer) -> [Int] { server.requests.compactMap { $0.event?.n } }

    @Test func `Connections with filters get exactly theirs, and what they do not want is counted by its reason`()
        async throws
    {
        try await RecordingServer.with { first in
            try await RecordingServer.with { second in
                try await Line.with(destination: first.url, .init(partitions: 2, transforms: false)) { line in
                    let (other, name) = try await line.connect(to: second.url)
                    #expect(name == "shop/second")
                    let filter = "event == \"Order Completed\" && properties.total > 100"
                    try await line.declare("filter: '\(filter)'")
                    try await line.declare(second: "filter: '!(type in [\"track\"])', consent: {categories: [Ads]}")
                    try await line.runningPipeline { pipeline in
                        try await line.append((0..<300).map(Self.event), size: 40)
                        try await line.wait { $0.read == 300 }
                        try await line.of(other).wait { $0.read == 300 }
                        let orders = (0..<300).filter { $0 % 3 == 0 && $0 > 100 }
                        #expect(Self.received(first).sorted() == orders)
                        let pages = (0..<300).filter { $0 % 3 == 2 }
                        let allowed = pages.filter { $0 % 4 != 0 && $0 % 5 != 0 }
                        #expect(Self.received(second).sorted() == allowed)
                        let counts = try await line.log.counts(of: line.consumer, line.partitions)
                        #expect(counts.reasons.events == ["filter": Int64(300 - orders.count)])
                        #expect(counts.counts.filtered == Int64(300 - orders.count))
                        let others = try await line.log.counts(of: other, line.partitions)
                        let expected = [
                            "filter": Int64(300 - pages.count), "consent": Int64(pages.count - allowed.count),
                        ]
                        #expect(others.reasons.events == expected)
                        let family = pipeline.metrics().first { $0.name == "leat_filtered_events_total" }
                        // Those of both connections, in the order of the reasons.
                        let filtered = Double(600 - orders.count - pages.count)
                        let withheld = Double(pages.count - allowed.count)
                        #expect(family?.samples.map(\.value) == [0, filtered, withheld, 0])
                    }
                }
            }
        }
    }

    @Test func `A sample takes all events of as many users as it says, the same in every connection's own way`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 3, transforms: false)) { line in
                try await line.declare("sample: 0.25")
                let users = 400
                let events = (0..<users * 3).map { number in
                    Line.Event(user: "u\(number % users)", text: "{\"user\":\"u\(number % users)\",\"n\":\(number)}")
                }
                try await line.running {
                    try await line.append(events, size: 200)
                    try await line.wait { $0.read == Int64(events.count) }
                }
                let counts = try await line.log.counts(of: line.consumer, line.partitions)
                #expect(counts.reasons.events == ["sample": counts.counts.filtered])
            }
            let byUser = Dictionary(grouping: server.requests.compactMap(\.event), by: \.user)
            #expect(byUser.values.allSatisfy { $0.count == 3 })
            // Five standard deviations.
            #expect((57...143).contains(byUser.count), "\(byUser.count)")
        }
    }

    @Test func `Another filter acts on what is read next, without a restart`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false)) { line in
                try await line.declare("filter: n < 5")
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(10, users: 3))
                    try await line.wait { $0.read == 10 }
                    try await line.declare("filter: n >= 15")
                    try await line.letLanesLearn(pipeline)
                    try await line.append(Array(Line.events(20, users: 3).suffix(10)))
                    try await line.wait { $0.read == 20 }
                }
                // What was counted goes on where it was.
                try await line.runningPipeline { pipeline in
                    try await line.append(Array(Line.events(22, users: 3, orders: [20: "fail"]).suffix(2)))
                    try await line.wait { $0.read == 22 }
                    try await line.declare("lag: hold")
                    try await line.letLanesLearn(pipeline)
                    try await line.append(Array(Line.events(25, users: 3).suffix(3)))
                    try await line.wait { $0.read == 25 && $0.delivered == 15 }
                }
                let counts = try await line.log.counts(of: line.consumer, line.partitions)
                #expect(counts.reasons.events == ["filter": 10])
            }
            let expected: [Int] = Array(0..<5) + Array(15..<25)
            #expect(Self.received(server).sorted() == expected)
        }
    }

    @Test func `A transformation is asked only of what its condition holds for, and the rest passes unchanged`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.declare(
                    "transformations: [{plugin: test.events, when: 'n >= 50 && n < 80'}, {plugin: test.events, when: 'n == 90'}]"
                )
                // Connectors drop what says so, too, and let pass what should fail.
                let asked = Set(50..<80).union([90])
                let pairs = (0..<100).map { ($0, asked.contains($0) ? "drop" : "fail") }
                let orders = Dictionary(uniqueKeysWithValues: pairs)
                try await line.running {
                    try await line.append(Line.events(100, users: 9, orders: orders))
                    try await line.wait { $0.delivered == 69 && $0.dropped == 31 }
                }
                let counts = try await line.log.counts(of: line.consumer, line.partitions)
                #expect(counts.reasons.events == ["test.events: asked for": 31])
                #expect(line.asked() == 31)
            }
            let expected: [Int] = Array(0..<50) + Array(80..<90) + Array(91..<100)
            #expect(Self.received(server).sorted() == expected)
        }
    }

    @Test func `A source's transformations run once for all its connections, and each counts what came of it`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2, transforms: false)) { line in
                let connections = try await line.fan(to: server.url, 4)
                try await line.transformSource("[{plugin: test.events, when: 'n != 13'}]")
                let orders = [7: "drop", 13: "fail", 20: "fail", 33: "drop", 41: "fail"]
                try await line.running {
                    for start in stride(from: 0, to: 1_000, by: 100) {
                        let events = Line.events(1_000, users: 23, orders: orders)[start..<start + 100]
                        try await line.append(Array(events), size: 50)
                        for connection in connections {
                            try await line.of(connection).wait { $0.read == Int64(start + 100) }
                        }
                    }
                    for connection in connections {
                        let counts = try await line.of(connection).counts()
                        #expect(counts.dropped == 2 && counts.failed == 2 && counts.transformed == 996)
                        try await line.of(connection).wait { $0.delivered == 996 }
                    }
                }
                let executed = line.asked()
                #expect(executed >= 999 && executed < 1_200, "\(executed) for \(connections.count) connections")
                for connection in connections {
                    let letters = try await line.log.letters(of: connection, .init(), behind: nil, limit: 10).letters
                    #expect(letters.count == 2)
                    #expect(letters.allSatisfy { $0.stage == "transform" && $0.plugin == "test.events@1.0.0" })
                }
            }
            #expect(server.requests.count == 996 * 4)
        }
    }

    @Test func `The filter is judged on the event as it was accepted, before what the source makes of it`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false)) { line in
                try await line.transformSource("[{plugin: test.events}]")
                try await line.declare("filter: '!exists(do)'")
                try await line.running {
                    try await line.append(Line.events(10, users: 1, orders: [3: "drop", 4: "fail"]))
                    try await line.wait { $0.delivered == 8 && $0.filtered == 2 }
                }
                #expect(try await line.count("dead_letter") == 0)
            }
        }
    }

    @Test func `Another version of a source's transformation acts on what comes next`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false)) { line in
                try await line.transformSource("[{plugin: test.events}]")
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(20, users: 3))
                    try await line.wait { $0.delivered == 20 }
                    try await Line.upload("transform", "test.events", "events", version: "2.0.0", to: line.catalog)
                    try await line.letLanesLearn(pipeline)
                    try await line.append(Array(Line.events(50, users: 3).suffix(30)))
                    try await line.wait { $0.delivered == 50 }
                    try await line.transformSource("[]")
                    try await line.letLanesLearn(pipeline)
                    // Connectors let pass what should fail.
                    try await line.append(Array(Line.events(60, users: 3, orders: [55: "fail"]).suffix(10)))
                    try await line.wait { $0.delivered == 60 }
                }
                #expect(line.asked("1.0.0") == 20)
                #expect(line.asked("2.0.0") == 30)
            }
        }
    }
}

extension Line {
    /// Waits until the lanes were told of the newest configuration.
    func letLanesLearn(_ pipeline: Pipeline) async throws {
        let revision = catalog.current.revision
        try await wait(for: "revision \(revision)") { pipeline.arranged.load(ordering: .relaxed) >= revision }
    }

    /// How many events the transformation was asked of, in all versions or in one.
    func asked(_ version: String? = nil) -> Int64 {
        let series = timings.recent(pluginID: "test.events").filter { $0.measure == .inputEvents }
        return series.filter { version == nil || $0.version == version }.reduce(0) { $0 + $1.values.sum }
    }

    /// The same line, for those who look at another connection.
    func of(_ consumer: ConsumerID) -> Line {
        Line(
            pool: pool,
            log: log,
            catalog: catalog,
            partitions: partitions,
            consumer: consumer,
            proxy: proxy,
            timings: timings,
            workshop: workshop,
            sender: sender
        )
    }

    /// Changes the second connection.
    func declare(second properties: String) async throws {
        let text = "connections: [{source: shop, destination: second, \(properties)}]"
        _ = try await catalog.apply(try Self.declaration(text), by: "test")
    }

    /// Gives the source its transformations.
    func transformSource(_ steps: String) async throws {
        _ = try await catalog.apply(
            try Self.declaration("sources: [{name: shop, transformations: \(steps)}]"),
            by: "test"
        )
    }

    /// Makes destinations until there are `count`, all at one address, and gives their connections.
    func fan(to url: String, _ count: Int) async throws -> [ConsumerID] {
        for number in 1..<count {
            let text = """
                destinations:
                  - name: hook-\(number)
                    connector: test.connector
                    config: {url: "\(url)"}
                    limits: {concurrency: 8, timeout: 5s, retries: \(Self.retries)}
                connections: [{source: shop, destination: hook-\(number)}]
                """
            _ = try await catalog.apply(try Self.declaration(text), by: "test")
        }
        return catalog.current.connections.map(\.id)
    }
}
