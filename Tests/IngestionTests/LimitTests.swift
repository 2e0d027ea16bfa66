import EventModel
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Ingestion

@Suite struct LimitTests {
    static let head = "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic V1JJVEVfS0VZOg==\r\n"

    @Test(.timeLimit(.minutes(1))) func `A body that says it is too long is refused before it is read`() async throws {
        try await RunningIngestion.with { server in
            let said = try await RawConnection.talk(to: server.port) { outbound in
                let length = Limits.requestBytes + 1
                let text = Self.head + "Connection: close\r\nContent-Length: \(length)\r\n\r\n"
                try await outbound.write(ByteBuffer(string: text))
            }
            #expect(said.hasPrefix("HTTP/1.1 413 "))
            #expect(said.contains("4194304") && said.contains("4194305") && said.contains("request_too_large"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A sender that waits to be told so hears that its body is wanted`() async throws
    {
        var settings = IngestionSettings()
        settings.bodyTimeout = .milliseconds(200)
        let event = #"{"type":"track","userId":"u","event":"E"}"#
        let body = #"{"batch":[\#(event)]}"#
        let head = Self.head + "Expect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n"
        try await RunningIngestion.with(settings: settings) { server in
            // It waits for ever, and so is ended, but not without the word.
            let waiting = try await RawConnection.talk(to: server.port) { outbound in
                try await outbound.write(ByteBuffer(string: head + "\r\n"))
            }
            #expect(waiting.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 "))
        }
        try await RunningIngestion.with { server in
            let sending = try await RawConnection.talk(to: server.port) { outbound in
                try await outbound.write(ByteBuffer(string: head + "Connection: close\r\n\r\n"))
                try await outbound.write(ByteBuffer(string: body))
            }
            #expect(sending.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "))
            #expect(server.log.objects.map { $0["event"] as? String } == ["E"])
            // What is too long is refused instead.
            let long = try await RawConnection.talk(to: server.port) { outbound in
                let length = "Content-Length: \(Limits.requestBytes + 1)\r\n"
                let text = Self.head + "Connection: close\r\nExpect: 100-continue\r\n\(length)\r\n"
                try await outbound.write(ByteBuffer(string: text))
            }
            #expect(long.hasPrefix("HTTP/1.1 413 "))
        }
    }

    /// - Source: RFC 9110, section 10.1.1: what HTTP/1.0 says of expectations is ignored.
    @Test(.timeLimit(.minutes(1))) func `An HTTP 1.0 sender is not told to go on, and is answered`() async throws {
        try await RunningIngestion.with { server in
            let body = #"{"userId":"u","event":"E"}"#
            let head = Self.head.replacing("batch HTTP/1.1", with: "track HTTP/1.0")
            let more = "Connection: close\r\nExpect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            let said = try await RawConnection.talk(to: server.port, saying: head + more + body)
            #expect(said.hasPrefix("HTTP/1.") && said.dropFirst(8).hasPrefix(" 200 "), "\(said)")
            #expect(server.log.objects.map { $0["event"] as? String } == ["E"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Many events with a large context in common are refused`() async throws {
        try await RunningIngestion.with { server in
            let event = #"{"type":"track","userId":"u"}"#
            let shared = #""context":{"large":"\#(String(repeating: "x", count: 20_000))"}"#
            func body(_ count: Int) -> String {
                "{\(shared),\"batch\":[\(Array(repeating: event, count: count).joined(separator: ","))]}"
            }
            #expect(try await server.post("/v1/batch", body(100)).status == 200)
            let reply = try await server.post("/v1/batch", body(300))
            #expect(reply.status == 413 && reply.body.contains("in every event"))
            #expect(server.log.objects.count == 100)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A body in pieces is cut off at the limit`() async throws {
        try await RunningIngestion.with { server in
            let said = try await RawConnection.talk(to: server.port) { outbound in
                let text = Self.head + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                try await outbound.write(ByteBuffer(string: text))
                let piece = ByteBuffer(string: "10000\r\n" + String(repeating: " ", count: 65_536) + "\r\n")
                // The server closes in the middle when it has had enough.
                do {
                    for _ in 0..<400 { try await outbound.write(piece) }
                } catch {}
            }
            #expect(said.hasPrefix("HTTP/1.1 413 ") || said.isEmpty)
            #expect(server.ingestion.queue.waitingBytes == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A small body that inflates to a large one is refused`() async throws {
        // One gzip member of 1 MiB of spaces, five times.
        let member = try Gzip.compress([UInt8](repeating: 0x20, count: 1 << 20))
        try await RunningIngestion.with { server in
            let bomb = member + member + member + member + member
            let reply = try await server.send("POST", "/v1/batch", bomb, headers: ["Content-Encoding": "gzip"])
            #expect(reply.status == 413 && reply.body.contains("once inflated"))
            #expect(server.ingestion.queue.waitingBytes == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A compressed body is read, and a broken one refused`() async throws {
        try await RunningIngestion.with { server in
            let body = try Gzip.compress(Array(#"{"batch":[{"type":"track","userId":"u","event":"Z"}]}"#.utf8))
            #expect(
                try await server.send("POST", "/v1/batch", body, headers: ["Content-Encoding": "gzip"]).status == 200
            )
            #expect(server.log.objects.first?["event"] as? String == "Z")
            let cut = Array(body.dropLast(3))
            let reply = try await server.send("POST", "/v1/batch", cut, headers: ["Content-Encoding": "gzip"])
            #expect(reply.status == 400 && reply.body.contains("body_unreadable"))
            let other = try await server.send("POST", "/v1/batch", body, headers: ["Content-Encoding": "br"])
            #expect(other.status == 415)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A body that drips is ended`() async throws {
        var settings = IngestionSettings()
        settings.bodyTimeout = .milliseconds(200)
        try await RunningIngestion.with(settings: settings) { server in
            let said = try await RawConnection.talk(to: server.port) { outbound in
                let text = Self.head + "Content-Length: 1000\r\n\r\n{"
                try await outbound.write(ByteBuffer(string: text))
            }
            #expect(said.hasPrefix("HTTP/1.1 408 "))
            #expect(said.contains("body_timeout"))
            #expect(server.ingestion.queue.waitingBytes == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A head that drips is ended`() async throws {
        var settings = IngestionSettings()
        settings.idleTimeout = .milliseconds(200)
        try await RunningIngestion.with(settings: settings) { server in
            let said = try await RawConnection.talk(to: server.port) { outbound in
                try await outbound.write(ByteBuffer(string: "POST /v1/batch HT"))
            }
            #expect(said.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `When too much waits the sender is told to come again`() async throws {
        var settings = IngestionSettings()
        settings.queue.waitingBytes = 100
        try await RunningIngestion.with(settings: settings) { server in
            let event = #"{"userId":"u","x":"\#(String(repeating: "x", count: 200))"}"#
            let reply = try await server.post("/v1/track", event)
            #expect(reply.status == 503 && reply["retry-after"] == "1" && reply.body.contains("overloaded"))
            #expect(try await server.post("/v1/track", #"{"userId":"u"}"#).status == 200)
            #expect(server.ingestion.queue.waitingBytes == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `While the database is away the answer is 503, and 200 after it is back`()
        async throws
    {
        var settings = IngestionSettings()
        settings.queue.restAfterLoss = .zero
        try await RunningIngestion.with(settings: settings) { server in
            server.log.behave(.fail)
            let reply = try await server.post("/v1/track", #"{"userId":"u"}"#)
            #expect(reply.status == 503 && reply["retry-after"] == "1" && reply.body.contains("unavailable"))
            server.log.behave(.keep)
            #expect(try await server.post("/v1/track", #"{"userId":"u"}"#).status == 200)
            #expect(server.log.objects.count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Requests on one connection are answered in their order`() async throws {
        try await RunningIngestion.with { server in
            let said = try await RawConnection.talk(to: server.port) { outbound in
                var text = ""
                for (path, body) in [("/v1/track", #"{"userId":"u"}"#), ("/v1/track", "{"), ("/v1/none", "")] {
                    let last = path == "/v1/none" ? "Connection: close\r\n" : ""
                    text += "POST \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Basic V1JJVEVfS0VZOg==\r\n\(last)"
                    text += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                }
                try await outbound.write(ByteBuffer(string: text))
            }
            let statuses = said.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
            #expect(statuses == ["200", "400", "404"])
        }
    }
}

/// Makes gzip bodies with the system's own program.
enum Gzip {
    static func compress(_ bytes: [UInt8]) throws -> [UInt8] {
        let input = Pipe()
        let output = Pipe()
        _ = try ChildProcess(["gzip", "-nc"], input: input, output: output)
        let writer = Thread {
            // A broken pipe shows as a broken body.
            try? input.fileHandleForWriting.write(contentsOf: bytes)
            try? input.fileHandleForWriting.close()
        }
        writer.start()
        return Array(try output.fileHandleForReading.readToEnd() ?? Data())
    }
}
