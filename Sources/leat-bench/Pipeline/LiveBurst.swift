import ArgumentParser
import EventLog
import EventModel
import Foundation

/// Many events sent at once over HTTP, until the last is delivered and that is committed.
struct LiveBurst {
    let port: Int
    let writeKey: String
    let log: EventLog
    /// Whose deliveries are waited for.
    let lanes: [LaneID]

    struct Sent {
        let events: Int
        let rate: Double
    }

    /// Sends at least `events`, of which each is delivered `deliveries` times.
    func send(_ events: Int, deliveries: Int = 1) async throws -> Sent {
        var options = try LoadOptions.parse([])
        options.events = 10_000
        // Without message ids, so that events that are sent again are new ones.
        let bodies = options.bodies(of: SampleEvents(count: options.events)).map { body in
            Array(String(decoding: body, as: UTF8.self).replacing(#/"messageId":"[^"]*",/#, with: "").utf8)
        }
        let before = try await RunningPipeline.delivered(log, lanes)
        let batch = options.batch
        let start = ContinuousClock.now
        let client = options.client(
            of: port,
            writeKey: writeKey,
            bodies: bodies,
            connections: 4,
            holdsBack: { $0 * batch >= events }
        )
        try await client.whileSending {
            while client.acceptedRequests * batch < events { try await Task.sleep(for: .milliseconds(5)) }
        }
        guard client.refusedRequests == 0 else { throw BrokenLoad(refused: client.refusedRequests) }
        let sent = client.acceptedRequests * batch
        while try await RunningPipeline.delivered(log, lanes) - before < sent * deliveries {
            try await Task.sleep(for: .milliseconds(20))
        }
        return Sent(events: sent, rate: Double(sent) / ((ContinuousClock.now - start) / .seconds(1)))
    }
}
