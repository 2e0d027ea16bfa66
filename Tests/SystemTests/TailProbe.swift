import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Watches a server as a program does, and keeps what it is told.
final class TailProbe: Sendable {
    struct Message: Sendable {
        let kind: String
        let data: String

        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(data.utf8)) as? [String: Any]) ?? [:]
        }
        var event: [String: Any] { json["event"] as? [String: Any] ?? [:] }
        var messageID: String { event["messageId"] as? String ?? "" }
        var number: Int { (json[kind] as? Int) ?? 0 }
    }

    /// Opens more connections to one server than a program usually needs.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        return HTTPClient(configuration: configuration)
    }()

    let status: Int
    let node: String?
    private let body: HTTPClientResponse.Body

    private init(_ response: HTTPClientResponse) {
        status = Int(response.status.code)
        node = response.headers.first(name: "Leat-Node")
        body = response.body
    }

    /// Begins to watch; it does so when this returns.
    static func open(_ server: ServerProcess, _ token: String, _ query: String) async throws -> TailProbe {
        var request = HTTPClientRequest(url: server.address + "/api/v1/tail?" + query)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        return TailProbe(try await client.execute(request, timeout: .minutes(3)))
    }

    /// The messages up to the one at which `isLast` holds, or the end; comments are left out.
    func messages(until isLast: (Message) -> Bool = { _ in false }) async throws -> [Message] {
        var found: [Message] = []
        var rest = ""
        for try await part in body {
            rest += String(buffer: part)
            while let end = rest.range(of: "\n\n") {
                let lines = rest[..<end.lowerBound].split(separator: "\n")
                rest.removeSubrange(..<end.upperBound)
                func field(_ name: String) -> String? {
                    lines.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
                }
                guard let kind = field("event"), let data = field("data") else { continue }
                found.append(Message(kind: kind, data: data))
                if isLast(found[found.count - 1]) { return found }
            }
        }
        return found
    }
}
