import AsyncHTTPClient
import EventModel
import NIOCore
import NIOHTTP1
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Sends requests over connections that are kept open and shared by all destinations of a node.
///
/// It connects to addresses that were checked and to nothing else, follows redirects only where that is wanted, decodes
/// no body, and reads no more of an answer than anybody will look at.
package final class Sender: Sendable {
    private let routes: Routes
    private let userAgent: String
    /// Where the numbers of spans have come to.
    private let spans = Atomic<UInt64>(.random(in: .min ... .max))

    /// How many redirects are followed one after the other.
    package static let maximumRedirects = 5

    /// A sender that names itself by `version` and connects where `guarding` lets it; `freshness` is how long an answer of
    /// the resolver is good.
    package init(
        version: String,
        guarding: TargetGuard,
        resolver: Resolver = Resolver(),
        freshness: Duration = .seconds(30)
    ) {
        routes = Routes(guarding: guarding, resolver: resolver, freshness: freshness)
        userAgent = "Leat/\(version)"
    }

    /// What one try brought.
    package struct Exchange: Sendable {
        package let attempt: Attempt
        /// What the host's own table makes of it.
        package let answer: Answer
        /// How long the destination asked to be left alone.
        package var retryAfter: Duration?
        /// The answer's headers and the beginning of its body, for a connector that wants to see them; nothing without an
        /// answer.
        package var headers: [OutboundRequest.Header] {
            fields.map { OutboundRequest.Header(name: $0.name, value: mask.masked($0.value)) }
        }
        var fields = HTTPHeaders()
        /// - Shape: at most ``Reply/maximumBodyBytes``, secrets masked.
        package var body: [UInt8] { mask.masked(content.readableBytesView) }
        var content = ByteBuffer()
        /// Whether the body goes on behind that.
        package internal(set) var isCut = false
        /// Hides the secrets that the request was sent with: the destination may repeat them.
        var mask = SecretMask.none
    }

    /// Sends a request once.
    ///
    /// Whatever goes wrong is an answer too, so it does not throw. The request holds its secrets, and `mask` hides them in
    /// everything that is kept. Of a success nothing is kept but that it was one, unless `isKept` says otherwise. Of the
    /// answer's body no more than `bodyBytes` is read.
    package func send(
        _ request: OutboundRequest,
        attempt number: Int,
        mask: SecretMask = .none,
        isKept: Bool = false,
        bodyBytes: Int = Reply.maximumBodyBytes
    ) async -> Exchange {
        let at = Self.now()
        let start = ContinuousClock.now
        do throws(Obstacle) {
            let (reply, note) = try await reply(to: request.compressed(), from: start, bodyBytes)
            let result = Attempt.Result.status(reply.status)
            let isThrottled = reply.status == 429 || reply.status == 503
            let retryAfter = RetryAfter.asked(
                by: { reply.headers.first(name: $0) },
                isThrottled: isThrottled,
                now: at / 1_000_000
            )
            let answer = Answer(result, retryAfter: retryAfter)
            let says = answer != .delivered || isKept
            var text = says ? mask.text(of: reply.body.readableBytesView, limit: Attempt.maximumText) : ""
            if let note { text = "The redirect was not followed: \(note). \(text)" }
            let attempt = Attempt(
                number: number,
                at: at,
                duration: .now - start,
                result: result,
                text: text,
                firstByte: reply.headAt.map { $0 - start },
                answerHeaders: says ? AnswerHeaders.kept(reply.headers.map { ($0.name, $0.value) }, mask: mask) : []
            )
            return Exchange(
                attempt: attempt,
                answer: answer,
                retryAfter: retryAfter,
                fields: reply.headers,
                content: reply.body,
                isCut: reply.isCut,
                mask: mask
            )
        } catch {
            let result = Attempt.Result.fault(error.fault)
            let attempt = Attempt(number: number, at: at, duration: .now - start, result: result, text: error.text)
            return Exchange(attempt: attempt, answer: Answer(result))
        }
    }

    /// A try that came to its end before anything was sent.
    static func unsent(_ fault: TransportFault, because reason: String, attempt number: Int) -> Attempt {
        Attempt(number: number, at: now(), duration: .zero, result: .fault(fault), text: reason)
    }

    /// Closes every connection.
    package func shutdown() async throws { routes.shutdown() }

    /// The answer in the end, and why a redirect was not followed that should have been.
    private func reply(
        to request: OutboundRequest,
        from start: ContinuousClock.Instant,
        _ bodyBytes: Int
    ) async throws(Obstacle) -> (Reply, RedirectProblem?) {
        let deadline = start + request.timeout
        var reply = try await exchange(request, at: start, before: deadline, bodyBytes)
        guard request.transport.settings.followsRedirects else { return (reply, nil) }
        var request = request
        var hops = 0
        while let location = Self.location(of: reply) {
            hops += 1
            do throws(RedirectProblem) {
                guard hops <= Self.maximumRedirects else { throw .tooMany }
                request = try request.redirected(reply.status, to: location)
            } catch {
                return (reply, error)
            }
            reply = try await exchange(request, at: .now, before: deadline, bodyBytes)
        }
        return (reply, nil)
    }

    private static func location(of reply: Reply) -> String? {
        switch reply.status {
        case 301, 302, 303, 307, 308: reply.headers.first(name: "Location")
        default: nil
        }
    }

    /// One request and its answer, at the next address of the host when nobody is at the first.
    private func exchange(
        _ request: OutboundRequest,
        at start: ContinuousClock.Instant,
        before deadline: ContinuousClock.Instant,
        _ bodyBytes: Int
    ) async throws(Obstacle) -> Reply {
        var now = start
        var tried = 0
        while true {
            let route = try await routes.take(request.address.host, request.transport, at: now, before: deadline)
            defer { route.leave() }
            tried += 1
            do {
                let (outgoing, limit) = (outgoing(request), deadline - now)
                return try await Reply(to: outgoing, over: route.client, within: limit, bodyBytes: bodyBytes)
            } catch {
                let fault = TransportFault(error)
                now = .now
                guard fault.isBeforeSending, tried <= Self.maximumAddresses, now < deadline,
                    routes.avoid(route, of: request.address.host, request.transport)
                else { throw Obstacle(fault, fault.advice) }
            }
        }
    }

    /// How many further addresses of a host are tried for one request.
    private static let maximumAddresses = 3

    private func outgoing(_ request: OutboundRequest) -> HTTPClientRequest {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = HTTPMethod(rawValue: request.method)
        outgoing.headers.reserveCapacity(request.headers.count + 4)
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        if let trace = request.trace {
            outgoing.headers.add(name: Traceparent.header, value: Traceparent.value(trace, span: nextSpan()))
        }
        outgoing.headers.add(name: "User-Agent", value: userAgent)
        if !request.body.isEmpty { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
        return outgoing
    }

    /// A number that no other try has; asking the system for it would cost a call for each.
    private func nextSpan() -> UInt64 {
        var word = spans.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }

    /// - Unit: microseconds since 1970, UTC.
    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
}
