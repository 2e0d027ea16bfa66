import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Sends requests over connections that are kept open and shared by all destinations of a node.
///
/// It follows no redirect, decodes no body, and reads no more of an answer than anybody will look at.
package final class Sender: Sendable {
    private let client: HTTPClient
    private let userAgent: String
    private let mask: SecretMask

    /// What is kept of an answer's body.
    /// - Unit: bytes.
    package static let maximumAnswerBytes = 64 * 1024
    /// - Unit: connections to one host.
    private static let connectionsPerHost = 1024
    private static let connectTimeout = TimeAmount.seconds(10)
    private static let idleTimeout = TimeAmount.seconds(60)

    /// A sender that names itself by `version` and masks the secrets that it is given in every answer it keeps.
    package init(version: String, mask: SecretMask = SecretMask()) {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.timeout.connect = Self.connectTimeout
        configuration.connectionPool.idleTimeout = Self.idleTimeout
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.connectionsPerHost
        // Retries are ours alone: the client would repeat a failed connection until the time is up and hide its cause.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        userAgent = "Leat/\(version)"
        self.mask = mask
    }

    /// What one try brought.
    package struct Exchange: Sendable {
        package let attempt: Attempt
        package let answer: Answer
    }

    /// Sends a request once.
    ///
    /// Whatever goes wrong is an answer too, so it does not throw.
    package func send(_ request: OutboundRequest, attempt number: Int) async -> Exchange {
        let at = Self.now()
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let reply = try await reply(to: request, before: start + request.timeout)
            let result = Attempt.Result.status(Int(reply.status))
            let answer = Answer(
                result,
                retryAfter: reply.retryAfter.flatMap { RetryAfter.parse($0, now: at / 1_000_000) }
            )
            let text = answer == .delivered ? "" : mask.text(of: reply.body, limit: Attempt.maximumText)
            let attempt = Attempt(number: number, at: at, duration: clock.now - start, result: result, text: text)
            return Exchange(attempt: attempt, answer: answer)
        } catch {
            let result = Attempt.Result.fault(TransportFault(error))
            let attempt = Attempt(number: number, at: at, duration: clock.now - start, result: result)
            return Exchange(attempt: attempt, answer: Answer(result))
        }
    }

    /// Closes every connection.
    package func shutdown() async throws { try await client.shutdown() }

    private struct Reply {
        var status: UInt
        var retryAfter: String?
        var body: [UInt8]
    }

    private func reply(to request: OutboundRequest, before deadline: ContinuousClock.Instant) async throws -> Reply {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = HTTPMethod(rawValue: request.method)
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        outgoing.headers.replaceOrAdd(name: "User-Agent", value: userAgent)
        if !request.body.isEmpty { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
        let timeout = TimeAmount(request.timeout)
        let response = try await client.execute(outgoing, deadline: .now() + timeout)
        let body = try await Self.beginning(of: response, before: deadline)
        return Reply(status: response.status.code, retryAfter: response.headers.first(name: "Retry-After"), body: body)
    }

    /// The client's deadline ends with the answer's head, so the body is raced against ours.
    private static func beginning(
        of response: HTTPClientResponse,
        before deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            group.addTask {
                var body: [UInt8] = []
                for try await piece in response.body {
                    body.append(contentsOf: piece.readableBytesView.prefix(maximumAnswerBytes - body.count))
                    // Not reading on closes this connection, which is cheaper than reading an endless answer.
                    if body.count >= maximumAnswerBytes { break }
                }
                return body
            }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                return nil
            }
            defer { group.cancelAll() }
            guard let body = try await group.next() ?? nil else { throw HTTPClientError.deadlineExceeded }
            return body
        }
    }

    /// - Unit: microseconds since 1970, UTC.
    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
}
