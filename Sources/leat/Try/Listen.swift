import ArgumentParser
import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A destination to try things with: takes every request and says what came.
struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Receive what a webhook destination sends, and count it.",
        discussion: """
            Any POST or PUT is answered 200 and its events are counted; GET answers the counts as JSON, and so does the \
            last line when the command is ended.
            """
    )

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port = 9100

    @Flag(help: "Do not print a line for each request.")
    var quiet = false

    func run() async throws {
        let received = Mutex(Received())
        let router = Router()
        for path: RouterPath in ["/", "/**"] {
            router.get(path) { _, _ in
                let text = received.withLock { $0.text }
                return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
            }
        }
        let routes: [(RouterPath, HTTPRequest.Method)] = [("/", .post), ("/**", .post), ("/", .put), ("/**", .put)]
        for (path, method) in routes {
            router.on(path, method: method) { request, _ in
                let body = try await request.body.collect(upTo: 64 * 1024 * 1024)
                let text = received.withLock { received in
                    received.add(Data(body.readableBytesView))
                    return received.text
                }
                if !quiet {
                    let size = "\(body.readableBytes) bytes"
                    Terminal.line("\(request.method.rawValue) \(request.uri.path)  \(size)  \(text)")
                }
                return HTTPResponse.Status.ok
            }
        }
        var logger = Logger(label: "listen")
        logger.logLevel = .error
        let application = Application(
            router: router,
            configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                Terminal.line("Listening on http://\(host):\(channel.localAddress?.port ?? port)")
            },
            logger: logger
        )
        try await application.runService()
        Terminal.line(received.withLock { $0.text })
    }
}

/// What has come so far.
private struct Received {
    private var requests = 0
    private var events = 0
    private var identifiers: Set<String> = []

    var text: String { "{\"requests\":\(requests),\"events\":\(events),\"distinct\":\(identifiers.count)}" }

    /// Counts the events of one request: the elements of an array, or one object.
    mutating func add(_ body: Data) {
        requests += 1
        let json = try? JSONSerialization.jsonObject(with: body)
        for event in (json as? [Any]) ?? [json ?? [:]] {
            events += 1
            if let identifier = (event as? [String: Any])?["messageId"] as? String { identifiers.insert(identifier) }
        }
    }
}
