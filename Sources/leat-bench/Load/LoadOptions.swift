import ArgumentParser
import Foundation

/// What is sent to ingestion, how, and for how long.
struct LoadOptions: ParsableArguments {
    @Option(help: "How often the measurement and its reference run.")
    var pairs = 5

    @Option(help: "For how many seconds events are sent or measured in each run.")
    var seconds = 5

    @Option(help: "How many requests are on the way on each connection.")
    var depth = 2

    @Option(help: "How many events are in a request.")
    var batch = 100

    @Option(help: "How many different events of about 1 KB are sent in turn.")
    var events = 20_000

    /// Whole request bodies of all events of the sample.
    func bodies(of sample: SampleEvents) -> [[UInt8]] {
        stride(from: 0, to: sample.count - batch + 1, by: batch).map { sample.batch($0..<$0 + batch) }
    }

    /// A client that sends `bodies` in turn with `writeKey`; see `LoadClient`.
    func client(
        of port: Int,
        writeKey: String,
        bodies: [[UInt8]],
        connections: Int,
        holdsBack: @escaping @Sendable (Int) -> Bool = { _ in false }
    ) -> LoadClient {
        LoadClient(
            port: port,
            path: "/v1/batch",
            authorization: "Basic " + Data("\(writeKey):".utf8).base64EncodedString(),
            bodies: bodies,
            connections: connections,
            depth: depth,
            holdsBack: holdsBack
        )
    }
}

/// Some requests of the load were not answered 200, so the figure would mean nothing.
struct BrokenLoad: Error {
    let refused: Int
}
