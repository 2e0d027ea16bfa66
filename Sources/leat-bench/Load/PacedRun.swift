/// Single events at a steady pace, and how long each was under way to a sink.
struct PacedRun {
    let port: Int
    let writeKey: String
    /// Events a second.
    let pace: Int
    /// For how long they are measured, after some that warm up.
    let seconds: Int

    private static let warmUp = Duration.seconds(3)

    /// The delay of every event, the shortest first.
    /// - Unit: milliseconds.
    func delays(at marks: SinkMarks) async throws -> [Double] {
        let client = try await PacedClient.connect(port, writeKey: writeKey)
        marks.clear()
        try await client.send(pace, for: Self.warmUp)
        try await Self.wait(for: client.sent, marks)
        marks.clear()
        let before = client.sent
        try await client.send(pace, for: .seconds(seconds))
        try await Self.wait(for: client.sent - before, marks)
        try await client.close()
        return marks.delays.sorted()
    }

    /// The delay that this share of the events did not exceed.
    static func share(_ share: Double, of sorted: [Double]) -> Double {
        sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    /// Waits until the sink has so many events, or it is clear that some were lost.
    private static func wait(for events: Int, _ marks: SinkMarks) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while marks.delays.count < events {
            guard ContinuousClock.now < end else { throw BrokenLoad(refused: events - marks.delays.count) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
