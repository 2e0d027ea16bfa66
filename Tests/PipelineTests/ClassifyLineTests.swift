import Delivery
import EventModel
import Foundation
import PluginHost
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Pipeline
@testable import WorkerProtocol

/// A connector that has a say in what answers mean, in a sealed worker.
@Suite struct ClassifyLineTests {
    /// The events of a request, a line each.
    private static func events(_ request: RecordingServer.Request) -> [ReceivedEvent] {
        request.body.split(separator: UInt8(ascii: "\n")).compactMap {
            try? JSONDecoder().decode(ReceivedEvent.self, from: Data($0))
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Of a request that is taken in part, only what was not taken goes again, in order for each user`() async throws
    {
        let seen = Mutex<[Int: Int]>([:])
        let taken = Mutex<[Int]>([])
        try await RecordingServer.with({ request in
            // A destination that keeps order takes nothing of a user behind what it does not take.
            var late: Set<String> = []
            let words = Self.events(request).map { event -> String in
                if late.contains(event.user) { return "r" }
                let tries = seen.withLock { seen in
                    seen[event.n, default: 0] += 1
                    return seen[event.n] ?? 0
                }
                if event.n % 17 == 5 { return "p" }
                if event.n % 10 == 3 && tries < 3 || event.n % 41 == 8 && tries < 8 {
                    late.insert(event.user)
                    return "r"
                }
                taken.withLock { $0.append(event.n) }
                return "d"
            }
            return .answer(200, body: words.joined())
        }) { server in
            let shape = Line.Shape(transforms: false, classifies: #"["2xx"]"#)
            try await Line.with(destination: server.url, shape) { line in
                try await line.running {
                    try await line.append(Line.events(600, users: 30))
                    let never = (0..<600).count { $0 % 17 == 5 }
                    // Others are served all the while, or the last failing ones together would say that nobody is.
                    var more = 0
                    let end = ContinuousClock.now + .seconds(60)
                    while taken.withLock({ $0.count }) < 600 - never + more, ContinuousClock.now < end {
                        let number = 13_940 * (more + 1)
                        let text = "{\"user\":\"more\",\"n\":\(number)}"
                        try await line.append([Line.Event(user: "more", text: text)])
                        more += 1
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    let wanted = Int64(600 - never + more)
                    try await line.wait { $0.delivered == wanted && $0.deadLettered == Int64(never) }
                    let rest = try await line.count("dead_letter WHERE code <> 'told' OR reason <> 'the body says so'")
                    #expect(rest == 0)
                    #expect(try await line.count("parked") == 0)
                }
            }
            let order = taken.withLock { $0 }
            #expect(order.count == Set(order).count, "what was taken is not sent again")
            for user in 0..<30 {
                let own = order.filter { $0 < 600 && $0 % 30 == user }
                #expect(own == own.sorted())
            }
            #expect(seen.withLock { $0.filter { $0.key % 17 == 5 }.values.allSatisfy { $0 == 1 } })
        }
    }

    /// The connector ends its process, hangs, or says nothing.
    @Test(.timeLimit(.minutes(2)), arguments: ["c", "s", ""])
    func `Where the connector fails to say what an answer means, the server's own table holds`(word: String)
        async throws
    {
        try await RecordingServer.with({ request in
            let isFirst = Self.events(request).contains { $0.n == 0 }
            return isFirst ? .answer(200, body: word) : .answer(200, body: "dddddddddd")
        }) { server in
            let shape = Line.Shape(transforms: false, classifies: #"["200", "transport"]"#)
            try await Line.with(destination: server.url, shape) { line in
                try await line.running {
                    try await line.append(Line.events(60, users: 6))
                    try await line.wait { $0.delivered == 60 }
                    #expect(try await line.count("dead_letter") == 0)
                }
            }
            #expect(server.requests.flatMap(Self.events).count == 60, "nothing is sent again")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `An answer that the manifest does not name is not shown to the connector`() async throws {
        try await RecordingServer.with({ _ in .answer(200, body: "pppppppppp") }) { server in
            let shape = Line.Shape(transforms: false, classifies: #"["4xx"]"#)
            try await Line.with(destination: server.url, shape) { line in
                try await line.running {
                    try await line.append(Line.events(20, users: 2))
                    try await line.wait { $0.delivered == 20 }
                    // The connector would call what the body says final.
                    #expect(try await line.count("dead_letter") == 0)
                    #expect(try await line.counts().deadLettered == 0)
                }
            }
            #expect(server.requests.flatMap(Self.events).map(\.n).sorted() == Array(0..<20))
        }
    }

    @Test func `What is said of one event outweighs what is said of all, and what is left unsaid is the server's`() {
        func said(_ event: Int?, _ verdict: Classification.Verdict, after: UInt64? = nil) -> Classification {
            Classification(
                response: 0,
                event: event,
                verdict: verdict,
                retryAfterMilliseconds: after,
                code: "c",
                message: "m"
            )
        }
        let one = Judgement.all(of: [said(1, .permanent), said(nil, .delivered)], events: [4, 5, 6])
        #expect(one == [.delivered, .refused(code: "c", message: "m"), .delivered])
        #expect(Judgement.all(of: [said(0, .delivered)], events: [4, 5]) == nil)
        #expect(Judgement.all(of: [said(9, .permanent), said(nil, .delivered)], events: [4]) == [.delivered])
        // In the order of the log, whatever the connector's.
        let turned = Judgement.all(of: [said(0, .delivered), said(1, .retry, after: 5)], events: [7, 3])
        #expect(turned == [.retry(after: .milliseconds(5), code: "c", message: "m"), .delivered])
    }
}
