import Catalog
import EventLog
import EventModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

/// The event of the hot user that fails.
private let failing = 50

/// One user with more events than a lane may set aside, of which one fails while everybody else is served.
@Suite(.timeLimit(.minutes(10))) struct HotUserTests {
    private static let hot = 100_000
    /// Every hundredth event is of somebody else, who has two.
    private static let others = 1_000

    private static func events() -> [Line.Event] {
        (0..<hot).flatMap { number -> [Line.Event] in
            let event = Line.Event(user: "hot", text: "{\"user\":\"hot\",\"n\":\(number)}")
            guard number.isMultiple(of: hot / others) else { return [event] }
            let other = number / (hot / others)
            let user = "u\(other % (others / 2))"
            return [event, Line.Event(user: user, text: "{\"user\":\"\(user)\",\"n\":\(other)}")]
        }
    }

    /// What was taken of each user, each event where it came first.
    private final class Taken: Sendable {
        private struct State {
            var order: [String: [Int]] = [:]
            var seen: [String: Set<Int>] = [:]
            var fails = true
            var tries = 0
        }

        private let state = Mutex(State())

        var order: [String: [Int]] { state.withLock { $0.order } }
        /// How often the failing event was tried.
        var tries: Int { state.withLock { $0.tries } }

        func mend() { state.withLock { $0.fails = false } }

        func answer(_ request: RecordingServer.Request) -> RecordingServer.Reaction {
            let events = (try? JSONDecoder().decode([ReceivedEvent].self, from: Data(request.body))) ?? []
            return state.withLock { state in
                if state.fails, events.contains(where: { $0.user == "hot" && $0.n == failing }) {
                    state.tries += 1
                    return .answer(503)
                }
                for event in events where state.seen[event.user, default: []].insert(event.n).inserted {
                    state.order[event.user, default: []].append(event.n)
                }
                return .answer(200)
            }
        }
    }

    @Test func `A hundred thousand events of one user come in order, through a failure, a restart and other limits`()
        async throws
    {
        let taken = Taken()
        try await RecordingServer.with({ taken.answer($0) }) { server in
            let webhook = "{url: \"\(server.url)/\", batch: 200}"
            let shape = Line.Shape(transforms: false, retries: 1_000, webhook: webhook)
            try await Line.with(destination: server.url, shape) { line in
                let settings = LaneSettings()
                try await line.runningPipeline { pipeline in
                    try await line.append(Self.events(), size: 1_000)
                    try await line.wait(for: "the bound", within: .seconds(120)) {
                        try await line.count("parked") >= settings.parkedEvents
                    }
                    #expect(taken.order["hot"] == Array(0..<failing))
                    try await line.wait(for: "the lane to be full", within: .seconds(120)) {
                        pipeline.deliveries.values.contains { $0.standing.full == 1 }
                    }
                    // Those between the events that were set aside.
                    let between = settings.parkedEvents / (Self.hot / Self.others)
                    try await line.wait(for: "the others", within: .seconds(120)) {
                        taken.order.values.reduce(-failing) { $0 + $1.count } >= between
                    }
                    #expect(try await line.count("parked") <= settings.parkedEvents + settings.windowEvents)
                }
                _ = try await line.catalog.limitDestination(
                    named: "hook",
                    ["batchEvents": 150, "concurrency": 2],
                    by: "test"
                )
                try await line.running {
                    let tries = taken.tries
                    try await line.wait(for: "another try") { taken.tries > tries }
                    #expect(taken.order["hot"] == Array(0..<failing))
                    taken.mend()
                    try await line.wait(within: .seconds(400)) { $0.delivered == Int64(Self.hot + Self.others) }
                }
                #expect(try await line.count("parked") == 0)
                #expect(try await line.count("dead_letter") == 0)
            }
        }
        #expect(taken.order["hot"] == Array(0..<Self.hot))
        #expect(taken.order.count == 1 + Self.others / 2)
        #expect(taken.order.values.allSatisfy { $0 == $0.sorted() })
        #expect(taken.order.values.reduce(0) { $0 + $1.count } == Self.hot + Self.others)
    }
}
