import EventModel
import Foundation
import HTTPTypes
import PostgreSQL
import Testing

@testable import AdminAPI
@testable import Catalog

/// What is done with delivery to a destination while it runs, as far as the configuration knows of it.
@Suite struct DeliveryCallTests {
    private static func with(
        _ deliveries: DeliveryDesk = .none,
        _ body: @Sendable @escaping (RunningAPI) async throws -> Void
    ) async throws {
        try await RunningAPI.with(deliveries: deliveries) { running in
            _ = try await running.upload("leat.webhook", "1.0.0", .requests)
            let crm = #"{"connector": "leat.webhook", "limits": {"timeout": "5s"}}"#
            #expect(try await running.call(.put, "/destinations/crm", body: crm).status == 201)
            try await body(running)
        }
    }

    @Test func `Single limits are changed and taken away, and everything else stays as it is`() async throws {
        try await Self.with { running in
            func limit(_ body: String) async throws -> RunningAPI.Answer {
                try await running.call(.patch, "/destinations/crm/limits", body: body)
            }
            let first = try await limit(#"{"requestsPerSecond": 0.5, "linger": "2s", "ordered": false}"#)
            let rest = "limits.linger none → 2s, limits.ordered true → false"
            #expect(first.changes == ["~ destination crm: limits.requestsPerSecond none → 0.5, \(rest)"])
            let again = try await limit(#"{"linger": null, "timeout": null, "requestsPerSecond": 0.5}"#)
            #expect(again.changes == ["~ destination crm: limits.linger 2s → none, limits.timeout 5s → 30s"])
            #expect(try await limit("{}").changes.isEmpty)
            let limits = try #require(running.catalog.current.destination(named: "crm")?.limits)
            #expect(limits == DestinationLimits(requestsPerSecond: 0.5, ordered: false))
            let wrong = try await limit(#"{"requestsPerSecond": 0, "batch": 5, "ordered": "no"}"#)
            #expect(wrong.status == 422)
            #expect(wrong.problems.count == 3)
            let words = "must be a number from 0.001 to 1000000, such as 0.5 or 50"
            #expect(wrong.problems.contains("requestsPerSecond: \(words)"))
            #expect(try await limit("[]").status == 422)
            #expect(try await running.call(.patch, "/destinations/nobody/limits", body: "{}").status == 404)
            #expect(running.catalog.current.destination(named: "crm")?.limits == limits)
        }
    }

    @Test func `A destination is paused, drained and resumed, and says who did it, when and why`() async throws {
        try await Self.with { running in
            func ask(_ verb: String, _ body: String? = nil) async throws -> RunningAPI.Answer {
                try await running.call(.post, "/destinations/crm/\(verb)", body: body)
            }
            func destination() async throws -> Document {
                try await running.call(.get, "/destinations/crm").document
            }
            #expect(try await destination()["state"]?.string == "running")
            let paused = try await ask("pause", #"{"reason": "new credentials"}"#)
            #expect(paused.changes == ["~ destination crm: paused (new credentials)"])
            let shown = try await destination()
            #expect(shown["state"]?.string == "paused" && shown["pausedBy"]?.string == Catalog.firstTokenName)
            #expect(shown["pauseReason"]?.string == "new credentials" && shown["pausedAt"]?.string != nil)
            // Neither saying it again nor applying a declaration changes anything of it.
            #expect(try await ask("pause").changes.isEmpty)
            let crm = #"{"connector": "leat.webhook", "limits": {"timeout": "6s"}}"#
            #expect(try await running.call(.put, "/destinations/crm", body: crm).changes.count == 1)
            #expect(try await destination()["state"]?.string == "paused")

            #expect(try await ask("drain").changes == ["~ destination crm: drained"])
            let bound = try #require(running.catalog.current.destination(named: "crm")?.state.until)
            #expect(abs(Double(bound) / 1e6 - Date().timeIntervalSince1970) < 60)
            #expect(try await ask("drain").changes.isEmpty)
            #expect(running.catalog.current.destination(named: "crm")?.state.until == bound)
            #expect(try await destination()["drainUntil"]?.string != nil)
            #expect(try await ask("resume").changes == ["~ destination crm: resumed"])
            #expect(try await ask("resume").changes.isEmpty)
            #expect(running.catalog.current.destination(named: "crm")?.state == .running)
            let trail = try await running.catalog.pool.query(
                Statement("test.trail", "SELECT what FROM leat.audit WHERE what LIKE '~ destination crm: %ed%'")
            )
            #expect(trail.count == 3)
        }
    }

    /// Two servers, of which one waits for the other end and the other for its rate.
    private static let two = DeliveryDesk(
        nodes: { _ in
            let down = """
                {"lanes":4,"concurrency":16,"share":0.5,"requestsPerSecond":25,"eventsPerSecond":null,"adaptiveRate":5,
                 "circuit":"open","inFlight":1,"waiting":7,"parked":2,"lingering":0,"throttledLately":3,"failedLately":9,
                 "nextRetry":1800000000,"waits":[{"reason":"down","words":"it is down","count":7,"until":1800000000}]}
                """
            let calm = """
                {"lanes":4,"concurrency":16,"share":0.5,"requestsPerSecond":25,"eventsPerSecond":null,"adaptiveRate":null,
                 "circuit":"closed","inFlight":2,"waiting":0,"parked":0,"lingering":0,"throttledLately":0,
                 "failedLately":0,"nextRetry":null,"waits":[]}
                """
            return [
                NodeDelivery(node: "one", age: 0.4, text: down), NodeDelivery(node: "two", age: 3, text: calm),
                NodeDelivery(node: "odd", age: -1, text: "not even JSON"),
            ]
        },
        left: { _, _ in (17, true) }
    )

    @Test func `How delivery stands is added up over the servers, each with what it waits for`() async throws {
        try await Self.with(Self.two) { running in
            func status() async throws -> Document {
                try await running.call(.get, "/destinations/crm/status").document
            }
            let first = try await status()
            #expect(first["state"]?.string == "running")
            #expect(first["inFlight"]?.int == 3 && first["waiting"]?.int == 7)
            // One of the servers says nothing of a limit, so there is none in sum.
            #expect(first["effective"]?["requestsPerSecond"]?.content == .null)
            #expect(first["effective"]?["concurrency"]?.int == 32)
            #expect(first["nextRetry"]?.string == "2027-01-15T08:00:00.000Z")
            let waits = first["waits"]?.elements ?? []
            #expect(waits.map { $0["words"]?.string } == ["it is down"] && waits.first?["node"]?.string == "one")
            #expect(first["nodes"]?.elements?.map { $0["circuit"]?.string } == ["open", "closed", "closed"])
            _ = try await running.call(.post, "/destinations/crm/drain")
            let draining = try await status()
            #expect(draining["state"]?.string == "draining" && draining["left"]?.int == 17)
            _ = try await running.call(.post, "/destinations/crm/pause", body: #"{"reason": "tired"}"#)
            let paused = try await status()
            let reasons = paused["waits"]?.elements?.compactMap { $0["reason"]?.string }
            #expect(paused["state"]?.string == "paused" && reasons == ["paused", "down"])
            #expect(try await running.call(.get, "/destinations/nobody/status").status == 404)
        }
    }

    @Test func `A reason that is none is refused, and so is a destination that does not exist`() async throws {
        try await Self.with { running in
            for body in ["[]", #"{"reason": 1}"#, #"{"why": "x"}"#, #"{"reason": "two\nlines"}"#] {
                let refused = try await running.call(.post, "/destinations/crm/pause", body: body)
                #expect(refused.status == 422 && refused.problems.count == 1, "\(body): \(refused.text)")
            }
            let long = #"{"reason": "\#(String(repeating: "x", count: 501))"}"#
            let refused = try await running.call(.post, "/destinations/crm/drain", body: long)
            #expect(refused.problems == ["reason: must be one line of at most 500 bytes"])
            #expect(try await running.call(.post, "/destinations/crm/pause?force=true").status == 400)
            for verb in ["pause", "drain", "resume"] {
                #expect(try await running.call(.post, "/destinations/nobody/\(verb)").status == 404)
            }
            #expect(running.catalog.current.destination(named: "crm")?.state == .running)
        }
    }
}
