import Catalog
import EventModel
import Synchronization
import Telemetry
import Testing

@testable import Ingestion

@Suite(.timeLimit(.minutes(2))) struct DoorTests {
    private static let event = #"{"type":"track","event":"A","userId":"u"}"#
    private static let key = RunningIngestion.meteredKey

    private static func batch(_ count: Int) -> String {
        "{\"batch\":[\(Array(repeating: event, count: count).joined(separator: ","))]}"
    }

    /// A door whose clock stands until a test moves it.
    private static func door(
        pushedBack: Set<SourceID> = [],
        _ clock: Clock = Clock()
    ) -> Door {
        let door = Door(nodes: { 1 }, pushedBack: { pushedBack }, now: { clock.now })
        let metered = [RunningIngestion.metered]
        door.learn([metered[0].id: 0], of: metered, charged: [:], midnight: .seconds(3600))
        return door
    }

    private final class Clock: Sendable {
        private let moved = Mutex(Duration.zero)
        private let start = ContinuousClock.Instant.now
        var now: ContinuousClock.Instant { moved.withLock { start + $0 } }
        func move(_ time: Duration) { moved.withLock { $0 += time } }
    }

    @Test func `A source beyond its rate gets 429, is told when to come again, and is let in then`() async throws {
        let clock = Clock()
        try await RunningIngestion.with(door: Self.door(clock)) { server in
            let first = try await server.post("/v1/batch", Self.batch(5), key: Self.key)
            #expect(first.status == 200)
            #expect(first["RateLimit-Policy"]?.contains(#""eventsPerSecond";q=3;w=1;qu="events""#) == true)
            #expect(first["RateLimit"]?.contains(#""eventsPerSecond";r=0;t=2"#) == true)
            let second = try await server.post("/v1/track", Self.event, key: Self.key)
            #expect(second.status == 429)
            #expect(second["Retry-After"] == "1")
            #expect(second.body.contains(#""code":"rate_limited""#))
            // A key in the body alone is found out later, with the same end.
            let late = try await server.post(
                "/v1/track",
                #"{"type":"track","event":"A","userId":"u","writeKey":"\#(Self.key)"}"#,
                key: nil
            )
            #expect(late.status == 429)
            clock.move(.seconds(1))
            let third = try await server.post("/v1/track", Self.event, key: Self.key)
            #expect(third.status == 200)
            // Others are not concerned, and are told nothing.
            let other = try await server.post("/v1/batch", Self.batch(50))
            #expect(other.status == 200)
            #expect(other["RateLimit"] == nil && other["RateLimit-Policy"] == nil)
            let counted = server.ingestion.metrics().first { $0.name == "leat_ingest_limited_requests_total" }
            #expect(counted?.samples.map(\.value) == [2])
            #expect(server.log.kept == 56)
        }
    }

    @Test func `A body that is too much for its second is taken once and paid for later`() async throws {
        let clock = Clock()
        try await RunningIngestion.with(door: Self.door(clock)) { server in
            let padding = String(repeating: "x", count: 30_000)
            let large = #"{"type":"track","event":"A","userId":"u","properties":{"p":"\#(padding)"}}"#
            // It fits no day's bytes either, but what is not there yet cannot be counted.
            let batch = "{\"batch\":[\(Array(repeating: large, count: 8).joined(separator: ","))]}"
            #expect(try await server.post("/v1/batch", batch, key: Self.key).status == 200)
            let next = try await server.post("/v1/track", Self.event, key: Self.key)
            #expect(next.status == 429)
            #expect(next.body.contains(#""code":"quota_exceeded""#))
            #expect(next["Retry-After"] == "3600")
            clock.move(.seconds(3600))
            #expect(try await server.post("/v1/track", Self.event, key: Self.key).status == 200)
        }
    }

    @Test func `While nobody knows what a source has sent today, it is told to come again at once`() async throws {
        let door = Door()
        try await RunningIngestion.with(door: door) { server in
            let early = try await server.post("/v1/track", Self.event, key: Self.key)
            #expect(early.status == 503)
            #expect(early["Retry-After"] == "1")
            let reader = QuotaReader(
                door,
                configuration: { RunningIngestion.configuration },
                logger: RunningIngestion.silent
            ) { sources in (Dictionary(uniqueKeysWithValues: sources.map { ($0, 1_950) }), .seconds(60)) }
            await reader.refresh([RunningIngestion.metered])
            let first = try await server.post("/v1/track", Self.event, key: Self.key)
            #expect(first.status == 200)
            let second = try await server.post("/v1/track", Self.event, key: Self.key)
            #expect(second.status == 429)
        }
    }

    @Test func `While the log is full on account of a source, its senders are pushed back and no others`() async throws
    {
        try await RunningIngestion.with(door: Self.door(pushedBack: [RunningIngestion.source.id])) { server in
            let refused = try await server.post("/v1/track", Self.event)
            #expect(refused.status == 503)
            #expect(refused["Retry-After"] == "30")
            #expect(refused.body.contains(#""code":"log_full""#))
            #expect(try await server.post("/v1/track", Self.event, key: Self.key).status == 200)
            #expect(server.log.kept == 1)
        }
    }
}
