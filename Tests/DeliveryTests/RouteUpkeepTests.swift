import EventModel
import Testing

@testable import Delivery

/// What is kept of the ways that requests took.
@Suite struct RouteUpkeepTests {
    private static func routes() -> Routes {
        let here = LookupAnswer.addresses([IPAddress("127.0.0.1")].compactMap(\.self))
        return Routes(guarding: .loopbackAllowed, resolver: Resolver { _ in here }, freshness: .seconds(3600))
    }

    private func pass(_ host: String, _ routes: Routes, at now: ContinuousClock.Instant) async throws {
        try await routes.take(host, .standard, at: now, before: now + .seconds(10)).leave()
    }

    @Test func `A way that nobody has taken for five minutes is closed, one that somebody is on is not`() async throws {
        let routes = Self.routes()
        let now = ContinuousClock.now
        try await pass("127.0.0.1", routes, at: now)
        let held = try await routes.take("127.0.0.2", .standard, at: now, before: now + .seconds(10))
        #expect(routes.count == 2)
        try await pass("127.0.0.3", routes, at: now + .seconds(299))
        #expect(routes.count == 3)
        try await pass("127.0.0.4", routes, at: now + .seconds(400))
        #expect(routes.count == 3)
        held.leave()
        try await pass("127.0.0.5", routes, at: now + .seconds(1000))
        #expect(routes.count == 1)
        routes.shutdown()
    }

    @Test func `No more ways are kept than the bound, the latest taken ones`() async throws {
        let routes = Self.routes()
        let now = ContinuousClock.now
        for number in 0..<(Routes.maximumIdle + 50) {
            try await pass("127.1.\(number / 250).\(number % 250 + 1)", routes, at: now + .milliseconds(number))
        }
        #expect(routes.count <= Routes.maximumIdle + 1)
        routes.shutdown()
        #expect(routes.count == 0)
    }

    @Test func `Destinations with the same transport share their ways, others have their own`() async throws {
        let routes = Self.routes()
        let now = ContinuousClock.now
        var settings = Transport.Settings()
        settings.followsRedirects = true
        for transport in [Transport(settings), Transport(settings), .standard] {
            try await routes.take("127.0.0.1", transport, at: now, before: now + .seconds(10)).leave()
        }
        #expect(routes.count == 2)
        routes.shutdown()
    }
}
