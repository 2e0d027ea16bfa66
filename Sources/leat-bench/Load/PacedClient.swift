import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// Sends requests at their times, whether or not earlier ones were answered.
final class PacedClient: Sendable {
    /// Stands before the time in an event.
    static let mark = "\"sent_at\":"

    private let channels: [any Channel]
    private let head: String
    private let count = Atomic<Int>(0)

    /// Connections that take turns.
    private static let connections = 64

    static func connect(_ port: Int, writeKey: String) async throws -> PacedClient {
        var channels: [any Channel] = []
        for _ in 0..<connections {
            channels.append(
                try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: port).get()
            )
        }
        return PacedClient(channels, writeKey)
    }

    private init(_ channels: [any Channel], _ writeKey: String) {
        self.channels = channels
        let secret = Data("\(writeKey):".utf8).base64EncodedString()
        head =
            " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic \(secret)\r\n"
            + "Content-Type: application/json\r\n"
    }

    /// Requests sent so far.
    var sent: Int { count.load(ordering: .relaxed) }

    /// Sends `pace` single events a second, each of which tells when it was to be sent.
    func send(_ pace: Int, for time: Duration) async throws {
        let filler = String(repeating: "x", count: 800)
        try await send(pace, to: "/v1/track", for: time) { number, due in
            let at = PacedClient.now - Int64((ContinuousClock.now - due) / .microseconds(1))
            let properties = "{\(Self.mark)\(at),\"filler\":\"\(filler)\"}"
            let text = "{\"event\":\"paced\",\"userId\":\"u-\(number % 1_000)\",\"properties\":\(properties)}"
            return Array(text.utf8)
        }
    }

    /// Sends `pace` requests a second with the bodies that `body` makes for each number and time.
    func send(
        _ pace: Int,
        to path: String,
        for time: Duration,
        _ body: (Int, ContinuousClock.Instant) -> [UInt8]
    ) async throws {
        let start = ContinuousClock.now
        for number in 0..<Int(time / .seconds(1) * Double(pace)) {
            let due = start + Duration.microseconds(number * 1_000_000 / pace)
            if due > .now { try await Task.sleep(until: due, clock: .continuous) }
            let text = body(number, due)
            var request = ByteBuffer(string: "POST \(path)\(head)Content-Length: \(text.count)\r\n\r\n")
            request.writeBytes(text)
            channels[number % channels.count].writeAndFlush(request, promise: nil)
            count.wrappingAdd(1, ordering: .relaxed)
        }
    }

    func close() async throws { for channel in channels { try await channel.close() } }

    /// - Unit: microseconds since 1970.
    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1e6) }
}

/// What the events at a sink say of their way.
final class SinkMarks: Sendable {
    private let state = Mutex<[Double]>([])

    /// How long each event was under way.
    /// - Unit: milliseconds.
    var delays: [Double] { state.withLock { $0 } }

    func clear() { state.withLock { $0 = [] } }

    /// Looks through a request's body.
    func read(_ body: [UInt8]) {
        let now = PacedClient.now
        var found: [Double] = []
        for piece in String(decoding: body, as: UTF8.self).split(separator: PacedClient.mark).dropFirst() {
            if let at = Int64(piece.prefix { $0.isNumber }) { found.append(Double(now - at) / 1_000) }
        }
        state.withLock { $0 += found }
    }
}
