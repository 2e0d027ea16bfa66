import Catalog
import EventLog
import EventModel
import Foundation
import Pipeline
import PostgreSQL
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What an operator does with one destination while events flow.
@Suite struct OperationTests {
    private func numbers(_ request: RecordingServer.Request) -> [Int] {
        if let event = request.event { return [event.n] }
        return (try? JSONDecoder().decode([ReceivedEvent].self, from: Data(request.body)).map(\.n)) ?? []
    }

    private func hook(_ line: Line) throws -> DestinationID {
        try #require(line.catalog.current.destination(named: "hook")).id
    }

    private func limit(_ line: Line, _ wish: Document) async throws {
        _ = try await line.catalog.limitDestination(named: "hook", wish, by: "test")
    }

    @Test(.timeLimit(.minutes(2)))
    func `A paused destination gets nothing, also after a restart, and everything in order once it is resumed`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(100, users: 7))
                    try await line.wait { $0.delivered == 100 }
                    _ = try await line.catalog.pauseDestination(try hook(line), reason: "a test", by: "test")
                    try await line.letLanesLearn(pipeline)
                    try await line.wait(for: "the lanes to leave") { try await line.count("destination_report") == 0 }
                    try await line.append(Line.events(200, users: 7).suffix(100).map { $0 })
                }
                #expect(line.catalog.current.destination(named: "hook")?.state.halt?.reason == "a test")
                try await line.running {
                    // A second destination shows that the node works; this one still gets nothing.
                    let second = try await line.connect(to: server.url + "/second")
                    try await line.append([Line.Event(user: "u0", text: "{\"user\":\"second\",\"n\":1000}")])
                    #expect(await server.wait(for: 101))
                    #expect(server.requests.count { $0.event?.user != "second" } == 100)
                    _ = second
                    _ = try await line.catalog.resumeDestination(try hook(line), by: "test")
                    try await line.wait { $0.delivered == 201 }
                }
            }
            var order: [String: [Int]] = [:]
            for request in server.requests where !request.uri.hasPrefix("/second") {
                guard let event = request.event, event.user != "second" else { continue }
                order[event.user, default: []].append(event.n)
            }
            #expect(order.values.reduce(0) { $0 + $1.count } == 200)
            #expect(order.values.allSatisfy { $0 == $0.sorted() })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `No request carries more events than the limit says, which may be changed while events flow`() async throws {
        try await RecordingServer.with { server in
            let shape = Line.Shape(transforms: false, webhook: "{url: \"\(server.url)/\", batch: 50}")
            try await Line.with(destination: server.url, shape) { line in
                try await limit(line, ["batchEvents": 7])
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(200, users: 200), size: 100)
                    try await line.wait { $0.delivered == 200 }
                    let sizes = server.requests.map { numbers($0).count }
                    #expect(sizes.max() == 7 && sizes.reduce(0, +) == 200, "\(sizes)")
                    try await limit(line, ["batchEvents": 3])
                    try await line.letLanesLearn(pipeline)
                    try await line.append(Line.events(300, users: 300).suffix(100).map { $0 }, size: 100)
                    try await line.wait { $0.delivered == 300 }
                    let rest = server.requests.dropFirst(sizes.count).map { numbers($0).count }
                    #expect(rest.reduce(0, +) == 100 && rest.max() == 3, "\(rest)")
                    try await limit(line, ["batchEvents": nil])
                    try await line.letLanesLearn(pipeline)
                    // Some may be built before all have come.
                    for count in stride(from: 400, through: 2_000, by: 100)
                    where server.requests.allSatisfy({ numbers($0).count < 50 }) {
                        try await line.append(Line.events(count, users: count).suffix(100).map { $0 }, size: 100)
                        try await line.wait { $0.delivered == count }
                    }
                }
                #expect(server.requests.map { numbers($0).count }.max() == 50)
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A lane that lingers fills its requests, and sends what there is when the time is over`() async throws {
        try await RecordingServer.with { server in
            let shape = Line.Shape(transforms: false, webhook: "{url: \"\(server.url)/\", batch: 20}")
            try await Line.with(destination: server.url, shape) { line in
                try await limit(line, ["batchEvents": 20, "linger": "5m"])
                try await line.runningPipeline { pipeline in
                    for start in stride(from: 0, to: 20, by: 5) {
                        try await line.append(Array(Line.events(start + 5, users: 100).suffix(5)), size: 5)
                    }
                    #expect(await server.wait(for: 1))
                    #expect(server.requests.map { numbers($0).count } == [20])
                    try await limit(line, ["linger": "300ms"])
                    try await line.letLanesLearn(pipeline)
                    let began = ContinuousClock.now
                    try await line.append(Array(Line.events(23, users: 100).suffix(3)), size: 3)
                    #expect(await server.wait(for: 2))
                    #expect(numbers(server.requests[1]).count == 3)
                    #expect(began.duration(to: .now) >= .milliseconds(250))
                    try await line.wait { $0.delivered == 23 }
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Without order an event that fails holds back nobody, and its user is still known`() async throws {
        let poisoned = Mutex(true)
        try await RecordingServer.with({ request in
            request.event?.n == 25 && poisoned.withLock { $0 } ? .answer(500) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                try await limit(line, ["ordered": false])
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(200, users: 10))
                    try await line.wait { $0.delivered == 199 && $0.waiting == 1 }
                    #expect(try await line.count("parked") == 1)
                    let users = Statement("test.users", "SELECT user_hash FROM leat.parked")
                    let hash = try #require(try await line.pool.query(users).first?.int8(0))
                    #expect(UInt64(bitPattern: hash) == EventHash.key("u5"))
                    // Order from now on: what comes later of that user waits.
                    try await limit(line, ["ordered": true])
                    try await line.letLanesLearn(pipeline)
                    try await line.append(Array(Line.events(300, users: 10).suffix(100)))
                    try await line.wait { $0.delivered == 289 }
                    try await line.wait(for: "them to be set aside") { try await line.count("parked") == 11 }
                    poisoned.withLock { $0 = false }
                    try await line.wait { $0.delivered == 300 && $0.waiting == 0 }
                }
            }
            let late = server.requests.compactMap(\.event).filter { $0.user == "u5" && $0.n >= 200 }.map(\.n)
            #expect(late == late.sorted() && late.count == 10)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A destination that refuses the credentials is paused by the server, and nothing of it dies`() async throws {
        let refuses = Mutex(true)
        try await RecordingServer.with({ _ in refuses.withLock { $0 } ? .answer(401) : .answer(200) }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(200, users: 40))
                    try await line.wait(for: "the pause") {
                        line.catalog.current.destination(named: "hook")?.state.isPaused == true
                    }
                    let halt = try #require(line.catalog.current.destination(named: "hook")?.state.halt)
                    #expect(halt.by == DestinationState.server && halt.reason.hasPrefix("http_401: "))
                    try await line.wait(for: "the lanes to leave") { try await line.count("destination_report") == 0 }
                    refuses.withLock { $0 = false }
                    _ = try await line.catalog.resumeDestination(try hook(line), by: "test")
                    try await line.wait { $0.delivered == 200 }
                    #expect(try await line.count("dead_letter") == 0)
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `The server says what waits and why, and nothing more once nothing does`() async throws {
        let isDown = Mutex(true)
        try await RecordingServer.with({ _ in isDown.withLock { $0 } ? .answer(503) : .answer(200) }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(100, users: 20))
                    try await line.wait(for: "the word that it is down") {
                        let down = "report LIKE '%\"reason\":\"down\"%' AND report LIKE '%it last gave http_503%'"
                        return try await line.count("destination_report WHERE \(down)") == 1
                    }
                    let waiting = pipeline.metrics().first { $0.name == "leat_destination_waiting" }
                    #expect(waiting?.samples.first?.labels.map(\.value).first == "hook")
                    isDown.withLock { $0 = false }
                    try await line.wait { $0.delivered == 100 }
                    let calm = "report LIKE '%\"waits\":[]%' AND report LIKE '%\"circuit\":\"closed\"%'"
                    try await line.wait(for: "calm") {
                        try await line.count("destination_report WHERE \(calm)") == 1
                    }
                }
            }
        }
    }
}
