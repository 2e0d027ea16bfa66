import Catalog
import TestSupport
import Testing

/// What an operator does with one destination from the command line.
@Suite struct DestinationCommandTests {
    @Test func `A destination is limited, paused, drained, shown and resumed`() async throws {
        try await RunningServer.with { server in
            try server.writePlugin("leat.webhook", "1.0.0", "destination.request")
            let push = ["plugin", "push", "leat.webhook.so", "--manifest", "leat.webhook.json"]
            #expect(try await server.leat(push).status == 0)
            try server.write("leat.yaml", "destinations: [{name: crm, connector: leat.webhook}]")
            #expect(try await server.leat("apply").status == 0)
            func destination(_ words: String...) async throws -> Program.Ended {
                try await server.leat(["destination"] + words)
            }
            let limited = try await destination("limit", "crm", "--requests-per-second", "0.5", "--linger", "2s")
            #expect(
                limited.output == "~ destination crm: limits.requestsPerSecond none → 0.5, limits.linger none → 2s\n"
            )
            let same = try await destination("limit", "crm", "--linger", "2s")
            #expect(same.output == "These are the limits of crm already; nothing changes.\n")
            let unordered = try await destination("limit", "crm", "--ordered", "false", "--linger", "none")
            #expect(unordered.output == "~ destination crm: limits.linger 2s → none, limits.ordered true → false\n")
            let listed = try await destination("list").output.split(separator: "\n")
            let rows = listed.map { $0.split(separator: " ").joined(separator: " ") }
            #expect(
                rows == [
                    "DESTINATION CONNECTOR ENABLED STATE CONCURRENCY TIMEOUT RETRIES OTHER LIMITS",
                    "crm leat.webhook yes running 16 30s 20 requestsPerSecond 0.5, ordered false",
                ]
            )
            #expect(try await destination("limit", "crm").status == 2)
            let wrong = try await destination("limit", "crm", "--timeout", "soon")
            #expect(wrong.status == 1 && wrong.errors.contains("timeout: must be a duration from 100ms to 10m"))

            let reason = "~ destination crm: paused (moving house)\n"
            #expect(try await destination("pause", "crm", "--reason", "moving house").output == reason)
            #expect(try await destination("pause", "crm").output == "crm is so already; nothing changes.\n")
            let shown = try await destination("show", "crm")
            #expect(shown.output.hasPrefix("crm: paused since ") && shown.output.contains(", by first: moving house\n"))
            #expect(shown.output.contains("waits: paused by first: moving house\n"))
            #expect(shown.output.hasSuffix("No server delivers to it now.\n"))
            let json = try Document.json(try await destination("show", "crm", "--json").output)
            #expect(json["state"]?.string == "paused" && json["limits"]?["ordered"]?.content == .bool(false))
            #expect(try await destination("drain", "crm").output == "~ destination crm: drained\n")
            // Nothing was ever accepted for it.
            #expect(try await destination("show", "crm").output.hasPrefix("crm: drained since "))
            #expect(try await destination("resume", "crm").output == "~ destination crm: resumed\n")
            #expect(try await destination("resume", "crm").output == "crm is neither paused nor drained.\n")
            #expect(try await destination("show", "nobody").status == 1)
        }
    }
}
