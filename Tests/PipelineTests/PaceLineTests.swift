import Catalog
import Delivery
import EventLog
import EventModel
import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

/// Limits, 429s and sick neighbours, with everything real.
@Suite struct PaceLineTests {
    @Test(.timeLimit(.minutes(4)))
    func `A destination that takes few at a time gets everything, and nothing is set aside or dies`() async throws {
        // Twenty in each tenth of a second, and whatever time it is not these.
        let window = Mutex((begin: ContinuousClock.now, count: 0))
        let refused = Atomic<Int>(0)
        try await RecordingServer.with({ request in
            let isTaken = window.withLock { window in
                if ContinuousClock.now - window.begin > .milliseconds(100) { window = (.now, 0) }
                window.count += 1
                return window.count <= 20 && !(20..<24 ~= request.number)
            }
            if isTaken { return .answer(200) }
            refused.wrappingAdd(1, ordering: .relaxed)
            return .answer(429)
        }) { server in
            try await Line.with(destination: server.url, .init(transforms: false, concurrency: 16)) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(600, users: 200))
                    // The rate that a cut leaves grows evenly with what it was before, which on a busy machine is little.
                    try await line.wait(within: .seconds(180)) { $0.delivered == 600 }
                    #expect(try await line.count("dead_letter") == 0)
                    let status = try #require(pipeline.deliveryStatus.values.first)
                    #expect(status.share == 1 && status.circuit == .closed)
                }
            }
            #expect((4..<600).contains(refused.load(ordering: .relaxed)))
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A limit that is set while it runs holds at once, and its end too`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false)) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(20, users: 20))
                    #expect(await server.wait(for: 20))
                    _ = try await line.catalog.apply(try Self.limits("requestsPerSecond: 20, ", server.url), by: "test")
                    try await line.wait(for: "the limit") {
                        pipeline.deliveryStatus.values.first?.requestsPerSecond == 20
                    }
                    let begun = ContinuousClock.now
                    try await line.append(Array(Line.events(80, users: 80)[20...]))
                    #expect(await server.wait(for: 60))
                    // Two may have been saved up, and one is under way.
                    for (number, request) in server.requests.dropFirst(20).enumerated() {
                        #expect(request.at - begun >= .seconds(Double(number - 3) / 20))
                    }
                    // At the old rate these take more than a minute and a half.
                    try await line.append(Array(Line.events(2_080, users: 200)[80...]))
                    try await line.wait(for: "the reason") { pipeline.deliveryStatus.values.first?.reason == .rate }
                    _ = try await line.catalog.apply(try Self.limits("", server.url), by: "test")
                    #expect(await server.wait(for: 2_080, atMost: .seconds(60)))
                }
            }
        }
    }

    private static func limits(_ more: String, _ url: String) throws -> Declaration {
        try Line.declaration(
            """
            destinations:
              - name: hook
                connector: test.connector
                config: {url: "\(url)"}
                limits: {\(more)concurrency: 8, timeout: 5s, retries: \(Line.retries)}
            """
        )
    }

    @Test func `Nodes share a limit by the partitions that they hold, and never exceed it together`() async throws {
        try await Line.with(destination: "http://127.0.0.1:9/", .init(partitions: 5)) { line in
            let snapshot = line.catalog.current
            let destination = snapshot.destinations[0].id
            let parts = [line.partitions[..<2], line.partitions[2..<3], line.partitions[3...]].map { Set($0) }
            let shares = parts.map { snapshot.shares(of: $0)[destination] ?? -1 }
            #expect(shares == [0.4, 0.2, 0.4])
            #expect(snapshot.shares(of: [])[destination] == 0)
            let other = PartitionID(source: SourceID(rawValue: 99), generation: 0, number: 0)
            #expect(snapshot.shares(of: [other])[destination] == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `What one node is told by a destination reaches the others`() async throws {
        try await Database.temporary { pool in
            let catalogs = try await [
                Catalog.open(pool: pool, logger: Line.quiet), Catalog.open(pool: pool, logger: Line.quiet),
            ]
            let note = PaceNote(
                node: 7,
                destination: DestinationID(rawValue: 3),
                factor: 0.5,
                holdFor: .milliseconds(1500)
            )
            await withThrowingTaskGroup(of: Void.self) { group in
                let heard = catalogs[1].paceNotes()
                group.addTask { await catalogs[1].run() }
                // Whoever does not listen yet hears nothing, so it is said until it is heard.
                group.addTask {
                    while !Task.isCancelled {
                        try await catalogs[0].tell(paceNote: note.text)
                        try? await Task.sleep(for: .milliseconds(50))
                    }
                }
                for await text in heard {
                    #expect(text == "7 3 50 1500" && PaceNote(text) == note)
                    break
                }
                group.cancelAll()
            }
        }
        for text in ["", "7 3", "7 3 500", "7 x 50", "7 3 50 -1", "7 3 50 1 1"] { #expect(PaceNote(text) == nil) }
        #expect(
            PaceNote("1 2 50") == PaceNote(node: 1, destination: DestinationID(rawValue: 2), factor: 0.5, holdFor: nil)
        )
    }

    @Test(.timeLimit(.minutes(3)))
    func `Beside one that is dead, one that hangs and one that throttles, a healthy destination gets everything`()
        async throws
    {
        let total = 2_000
        try await RecordingServer.with { server in
            try await RecordingServer.with({ $0.uri == "/hang" ? .silence : .answer(429) }) { sick in
                try await Line.with(destination: server.url, .init(partitions: 2, transforms: false)) { line in
                    let addresses = ["http://127.0.0.1:9/", "\(sick.url)/hang", "\(sick.url)/throttle"]
                    let entries = addresses.enumerated().map { number, address in
                        """
                        {name: sick\(number), connector: test.connector, config: {url: "\(address)"}, limits: {timeout: 60s}}
                        """
                    }
                    let connections = addresses.indices.map { "{source: shop, destination: sick\($0)}" }
                    _ = try await line.catalog.apply(
                        try Line.declaration(
                            """
                            destinations: [\(entries.joined(separator: ", "))]
                            connections: [\(connections.joined(separator: ", "))]
                            """
                        ),
                        by: "test"
                    )
                    try await line.runningPipeline { pipeline in
                        // More than the sick ones' windows, connections and turns hold.
                        for part in 0..<4 {
                            let events = Line.events(total / 4, users: 50).map { event in
                                Line.Event(user: event.user, text: event.text, message: "\(part) \(event.text)")
                            }
                            try await line.append(events)
                            #expect(await server.wait(for: total / 4 * (part + 1)))
                        }
                        try await line.wait { $0.delivered == Int64(total) }
                        let statuses = pipeline.deliveryStatus
                        #expect(statuses.count == 4)
                        #expect(statuses.values.contains { $0.circuit != .closed })
                        #expect(statuses.values.contains { $0.adaptiveRate != nil && $0.throttledLately > 0 })
                        #expect(statuses.values.contains { $0.inFlight == 16 && $0.reason == .concurrency })
                        #expect(try await line.count("parked") == 0)
                        #expect(try await line.count("dead_letter") == 0)
                    }
                }
            }
            #expect(server.requests.count == total)
        }
    }
}
