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

/// The pace of a destination over two nodes: two real pipelines on one database, each with leases, workers and connections
/// of its own.
@Suite(.serialized, .timeLimit(.minutes(3))) struct NodePaceTests {
    /// What the requests of the first and of the second node say of themselves.
    private static let agents = ["Leat/1.0.0", "Leat/2.0.0"]

    /// Runs two nodes, each with half of the partitions.
    private static func with(
        _ server: RecordingServer,
        _ body: (Line, [Pipeline]) async throws -> Void
    ) async throws {
        try await Line.with(destination: server.url, .init(partitions: 4, transforms: false)) { line in
            try await line.beside { other in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for catalog in [line.catalog, other.catalog] { group.addTask { await catalog.run() } }
                    defer { group.cancelAll() }
                    try await line.runningPipeline { first in
                        try await other.runningPipeline { second in
                            try await line.wait(for: "leases on both") {
                                [first, second].allSatisfy { $0.log.holding.held.count == 2 }
                            }
                            try await body(line, [first, second])
                        }
                    }
                }
            }
        }
    }

    @Test func `Each node has its share of a limit, uses it, and both together keep to the whole`() async throws {
        try await RecordingServer.with { server in
            var begun = ContinuousClock.now
            try await Self.with(server) { line, nodes in
                let limited = """
                    destinations:
                      - name: hook
                        connector: test.connector
                        config: {url: "\(server.url)"}
                        limits: {requestsPerSecond: 40, concurrency: 8, timeout: 5s, retries: \(Line.retries)}
                    """
                _ = try await line.catalog.apply(try Line.declaration(limited), by: "test")
                try await line.wait(for: "half of the limit on both") {
                    nodes.allSatisfy { node in
                        let status = node.deliveryStatus.values.first
                        return status?.share == 0.5 && status?.requestsPerSecond == 20
                    }
                }
                begun = .now
                try await line.append(Line.events(200, users: 200))
                try await line.wait { $0.delivered == 200 }
            }
            // A tenth of a second's worth may go at once, and each node has one more under way.
            Self.check(server.requests, since: begun, rate: 40, ahead: 6)
            for agent in Self.agents {
                let own = server.requests.filter { $0.header("User-Agent") == agent }
                #expect(own.count > 40, "\(agent)")
                Self.check(own, since: begun, rate: 20, ahead: 3)
            }
            #expect(server.requests.count == 200)
        }
    }

    /// Fails where a request came earlier than the rate permits, since when all were there but for some that may be ahead.
    private static func check(
        _ requests: [RecordingServer.Request],
        since begun: ContinuousClock.Instant,
        rate: Double,
        ahead: Int
    ) {
        for (number, time) in requests.map(\.at).sorted().enumerated() {
            #expect(time - begun >= .seconds(Double(number - ahead) / rate))
        }
    }

    @Test func `A 429 that one node is given holds the other back, which was given none`() async throws {
        let throttles = Mutex(true)
        try await RecordingServer.with({ request in
            let isFirst = request.header("User-Agent") == Self.agents[0]
            return isFirst && throttles.withLock { $0 } ? .answer(429, headers: [("Retry-After", "5")]) : .answer(200)
        }) { server in
            try await Self.with(server) { line, nodes in
                var sent = 0
                try await line.wait(for: "the second to be held back") {
                    let status = nodes[1].deliveryStatus.values.first
                    if status?.reason == .asked, status?.adaptiveRate != nil { return true }
                    // The word needs its time, in which the second sends what it has.
                    guard status?.waiting ?? 0 == 0 else { return false }
                    try await line.append(Array(Line.events(sent + 40, users: 40)[sent...]))
                    sent += 40
                    return false
                }
                let status = try #require(nodes[1].deliveryStatus.values.first)
                #expect(status.throttledLately == 0 && status.failedLately == 0)
                #expect(nodes[0].deliveryStatus.values.first?.throttledLately ?? 0 > 0)
                throttles.withLock { $0 = false }
                let total = Int64(sent)
                try await line.wait { $0.delivered == total }
                #expect(try await line.count("dead_letter") == 0)
            }
        }
    }
}

extension Line {
    /// Another node on the same database, as `body` sees it.
    fileprivate func beside(_ body: (Line) async throws -> Void) async throws {
        let catalog = try await Catalog.open(pool: pool, logger: Self.quiet)
        let log = EventLog(pool)
        try await log.prepare()
        _ = try await log.join(identity: "beside")
        try await Self.run(pool, log, catalog, consumer, nil, version: "2.0.0", body)
    }
}
