import ArgumentParser
import AsyncHTTPClient
import Delivery
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// How many requests a second reach a destination through everything that delivery adds: order of sending, retries,
/// circuit, and the guard over where requests may go.
struct DeliverBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliver",
        abstract: "Deliveries through the courier and the sender, beside the same client in a bare loop."
    )

    @Option(help: "How often the measurement and its reference run.")
    var pairs = 9

    @Option(help: "Requests of one event each, in one run.")
    var requests = 20_000

    @Option(help: "Requests of several events each, in one run.")
    var batches = 2_000

    @Option(help: "Events of such a request.")
    var batch = 100

    @Option(help: "Requests in flight at once.")
    var concurrency = 64

    /// Requests that a lane hands over together, about.
    private static let portion = 500

    func run() async throws {
        let sink = try await Sink.start()
        let url = "http://127.0.0.1:\(sink.port)/"
        let events = SampleEvents(count: 4096)
        let single = (0..<events.count).map { Array(events[$0]) }
        try await measure("deliver.single", unit: "requests/s", single, requests, url, perRequest: 1)
        let size = max(1, min(batch, events.count))
        let together = stride(from: 0, through: events.count - size, by: size).map { events.batch($0..<($0 + size)) }
        try await measure("deliver.batch", unit: "events/s", together, batches, url, perRequest: size)
        try await sink.stop()
    }

    private func measure(
        _ name: String,
        unit: String,
        _ bodies: [[UInt8]],
        _ count: Int,
        _ url: String,
        perRequest: Int
    ) async throws {
        let sender = Delivery.Sender(version: "bench", guarding: .loopbackAllowed)
        let client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let measured = try await Pairs(pairs, of: name) {
            try await delivered(bodies, count, url, by: sender) * Double(perRequest)
        } reference: {
            try await sent(bodies, count, url, by: client) * Double(perRequest)
        }
        try await client.shutdown()
        try await sender.shutdown()
        BenchLine(bench: name, unit: unit, pairs: measured).emit()
    }

    /// Requests a second through a courier, from the first that is handed over to the last answer.
    private func delivered(_ bodies: [[UInt8]], _ count: Int, _ url: String, by sender: Delivery.Sender) async throws
        -> Double
    {
        let courier = Courier(
            sender: sender,
            terms: Courier.Terms(schedule: RetrySchedule(), concurrency: concurrency)
        )
        let (left, failed) = (Counter(count), Counter(0))
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let time = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await courier.run() }
            let start = ContinuousClock.now
            for first in stride(from: 0, to: count, by: Self.portion) {
                let parcels = try (first..<min(first + Self.portion, count)).map { number in
                    Courier.Parcel(request: try request(bodies[number % bodies.count], number, url), events: 1) {
                        ending,
                        _ in
                        if ending != .delivered { failed.value.add(1, ordering: .relaxed) }
                        if left.value.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { end.finish() }
                    }
                }
                _ = courier.submit(parcels)
            }
            for await _ in ends {}
            let time = ContinuousClock.now - start
            courier.close()
            return time
        }
        guard failed.value.load(ordering: .relaxed) == 0 else {
            throw ValidationError("not all requests were delivered")
        }
        return Double(count) / (time / .seconds(1))
    }

    private final class Counter: Sendable {
        let value: Atomic<Int>
        init(_ value: Int) { self.value = Atomic(value) }
    }

    private func request(_ body: [UInt8], _ number: Int, _ url: String) throws -> OutboundRequest {
        let key = IdempotencyKey(of: []).numbered(number + 1)
        return try OutboundRequest(
            method: "POST",
            url: url,
            headers: [.init(name: "Content-Type", value: "application/json")],
            body: body[...],
            secret: "",
            idempotencyKey: key.description,
            timeout: .seconds(30),
            trace: key
        )
    }

    /// Requests a second of as many loops as there are requests in flight.
    private func sent(_ bodies: [[UInt8]], _ count: Int, _ url: String, by client: HTTPClient) async throws -> Double {
        let next = Counter(0)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<concurrency {
                group.addTask {
                    while true {
                        let number = next.value.add(1, ordering: .relaxed).oldValue
                        guard number < count else { return }
                        var request = HTTPClientRequest(url: url)
                        request.method = .POST
                        request.headers.add(name: "Content-Type", value: "application/json")
                        request.headers.add(name: "User-Agent", value: "bench")
                        request.body = .bytes(ByteBuffer(bytes: bodies[number % bodies.count]))
                        let answer = try await client.execute(request, deadline: .now() + .seconds(30))
                        _ = try await answer.body.collect(upTo: Self.mostOfAnAnswer)
                        guard answer.status == .ok else { throw ValidationError("not all requests were answered") }
                    }
                }
            }
            try await group.waitForAll()
        }
        return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    }

    /// - Unit: bytes.
    private static let mostOfAnAnswer = 64 * 1024
}
