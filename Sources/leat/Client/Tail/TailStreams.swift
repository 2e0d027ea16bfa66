import AsyncHTTPClient
import Catalog
import Foundation
import NIOCore
import NIOHTTP1

/// What is watched on all nodes: one stream each, with the same token.
struct TailStreams: Sendable {
    let open: [TailStream]
    /// A sentence for each node that could not be reached.
    let unreached: [String]

    /// Opens one to the server that was named, and one to every other node that lives.
    static func open(_ client: AdminClient, _ query: [(String, String)]) async throws -> TailStreams {
        let first = try await TailStream.open(client, query)
        var open = [first]
        var unreached: [String] = []
        let nodes = try await client.call(.get, "/nodes").list("nodes")
        for node in nodes where node["identity"]?.string != first.identity {
            let name = node.word("name")
            guard node["state"]?.string != "silent" else {
                unreached.append("Not watched: \(name) gives no sign of life.")
                continue
            }
            let address = node.word("address")
            do {
                guard let other = client.at(address) else {
                    throw RuntimeError("it listens on every address and names none (\(address)); give it --host")
                }
                let stream = try await TailStream.open(other, query)
                guard stream.identity == node["identity"]?.string else {
                    throw RuntimeError("another server answers at \(address)")
                }
                open.append(stream.named(name))
            } catch {
                unreached.append("Not watched: \(name), for \(error)")
            }
        }
        let own = nodes.first { $0["identity"]?.string == first.identity }?.word("name")
        open[0] = first.named(own ?? client.server)
        return TailStreams(open: open, unreached: unreached)
    }
}

/// The stream of one node.
struct TailStream: Sendable {
    let node: String
    let identity: String
    private let body: HTTPClientResponse.Body

    static func open(_ client: AdminClient, _ query: [(String, String)]) async throws -> TailStream {
        let answer = try await client.begin("/tail", query: query)
        guard let identity = answer.headers.first(name: "Leat-Node") else {
            throw RuntimeError("\(client.server) answers, but not like a Leat server.")
        }
        return TailStream(node: client.server, identity: identity, body: answer.body)
    }

    func named(_ name: String) -> TailStream { TailStream(node: name, identity: identity, body: body) }

    /// Shows everything that comes, until `show` says that it is enough or the node has shown all that was asked for.
    ///
    /// - Throws: a sentence, when the node or the way to it ends it.
    func follow(_ show: (ServerSentEvent) -> Bool) async throws {
        var parser = ServerSentEventParser()
        do {
            for try await part in body {
                for message in parser.take(part.readableBytesView) {
                    if message.kind == "end" {
                        if (try? Document.json(message.data))?["reason"]?.string == "limit" { return }
                        throw RuntimeError("\(node) is shut down.")
                    }
                    if !show(message) { return }
                }
            }
        } catch {
            if Task.isCancelled { return }
            throw error as? RuntimeError ?? RuntimeError("The stream of \(node) was interrupted.")
        }
        if !Task.isCancelled { throw RuntimeError("\(node) has ended the stream.") }
    }
}

extension AdminClient {
    /// The same for another node, by the address that it announces; nil where that is none that anybody can connect to.
    func at(_ address: String) -> AdminClient? {
        guard let colon = address.lastIndex(of: ":"), !["0.0.0.0", "::", "[::]", "*", ""].contains(address[..<colon])
        else { return nil }
        let scheme = server.hasPrefix("https:") ? "https" : "http"
        let host = address[..<colon]
        let written = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : String(host)
        return AdminClient(http: http, server: "\(scheme)://\(written)\(address[colon...])", token: token)
    }
}
