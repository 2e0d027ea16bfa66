import ArgumentParser
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Sends events from a file to a server, as an SDK would.
struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send the events of a file, one JSON object a line, to a server.",
        discussion: "Answers 429 and 503 are waited out as the server asks; any other refusal ends the command."
    )

    @Argument(help: "The file of events; - reads standard input.")
    var file: String

    @Option(help: "Where the server listens.")
    var server = ProcessInfo.processInfo.environment["LEAT_SERVER"] ?? "http://127.0.0.1:8080"

    @Option(help: "The source's write key; LEAT_WRITE_KEY in the environment serves as well.")
    var writeKey: String?

    @Option(help: "How many events a request carries, 1 to 1000.")
    var batch = 100

    func validate() throws {
        guard (1...1_000).contains(batch) else { throw ValidationError("--batch takes a number from 1 to 1000.") }
    }

    func run() async throws {
        guard let key = writeKey ?? ProcessInfo.processInfo.environment["LEAT_WRITE_KEY"], !key.isEmpty else {
            throw ValidationError("Give the source's write key with --write-key or LEAT_WRITE_KEY.")
        }
        let lines = try readLines()
        let start = ContinuousClock.now
        for first in stride(from: 0, to: lines.count, by: batch) {
            let last = min(first + batch, lines.count)
            try await post(lines[first..<last], key: key)
            Terminal.progress("sent \(last) of \(lines.count) events")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        Terminal.finish("Sent \(lines.count) events in \(String(format: "%.2f", seconds)) s; every one is kept.")
    }

    private func readLines() throws -> [Substring] {
        let bytes: Data? =
            if file == "-" {
                try FileHandle.standardInput.readToEnd()
            } else {
                FileManager.default.contents(atPath: file)
            }
        guard let bytes else { throw ValidationError("The file \(file) cannot be read.") }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    private func post(_ events: ArraySlice<Substring>, key: String) async throws {
        var request = HTTPClientRequest(url: server + "/v1/batch")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Authorization", value: "Basic " + Data("\(key):".utf8).base64EncodedString())
        request.body = .bytes(ByteBuffer(string: "{\"batch\":[" + events.joined(separator: ",") + "]}"))
        for _ in 1...10 {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(15))
            let answer = try await response.body.collect(upTo: 64 * 1024)
            switch response.status.code {
            case 200:
                return
            case 429, 503:
                let wait = response.headers.first(name: "Retry-After").flatMap(Int.init) ?? 1
                Terminal.progress("the server asks to wait \(wait) s")
                try await Task.sleep(for: .seconds(min(wait, 60)))
            default:
                throw RuntimeError("The server answered \(response.status.code): \(String(buffer: answer))")
            }
        }
        throw RuntimeError("The server was busy ten times in a row; the rest was not sent.")
    }
}
