import EventModel
import HTTPTypes
import Hummingbird
import NIOCore

/// Reads one request's body into a buffer that is kept, inflating it on the way.
///
/// Every cap holds while bytes arrive: nothing is gathered first and measured afterwards.
struct BodyReader: ~Copyable {
    private let coding: ContentCoding
    private let budget: ByteBudget
    /// Bytes taken from the budget; given back when the reader goes.
    private(set) var taken = 0

    init(_ headers: HTTPFields, budget: ByteBudget) throws(RequestRefusal) {
        guard let coding = ContentCoding(header: headers[.contentEncoding]) else { throw .unsupportedCoding }
        if let announced = headers[.contentLength].flatMap({ Int($0) }), announced > Limits.requestBytes {
            throw .tooLarge(.announced(announced))
        }
        self.coding = coding
        self.budget = budget
    }

    deinit { budget.give(taken) }

    /// Appends the whole body to `bytes`.
    mutating func read(_ body: RequestBody, into bytes: inout [UInt8]) async throws(RequestRefusal) {
        var inflater = Inflater(coding)
        var received = 0
        var parts = body.makeAsyncIterator()
        while true {
            let part: ByteBuffer?
            do {
                part = try await parts.next()
            } catch is BodyDeadlinePassed {
                throw .bodyTimeout
            } catch {
                throw .bodyInterrupted
            }
            guard let part else { break }
            received += part.readableBytes
            guard received <= Limits.requestBytes else { throw .tooLarge(.received) }
            let before = bytes.count
            if coding == .identity {
                bytes.append(contentsOf: part.readableBytesView)
            } else {
                try Self.inflate(part, with: &inflater, into: &bytes)
            }
            let more = bytes.count - before
            guard budget.take(more) else { throw .overloaded }
            taken += more
        }
        guard coding != .identity, received > 0 else { return }
        do throws(InflateError) {
            try inflater.finish()
        } catch {
            throw .corruptBody
        }
    }

    private static func inflate(
        _ part: ByteBuffer,
        with inflater: inout Inflater,
        into bytes: inout [UInt8]
    ) throws(RequestRefusal) {
        do throws(InflateError) {
            try inflater.inflate(part.readableBytesView, into: &bytes, limit: Limits.requestBytes)
        } catch {
            switch error {
            case .tooLarge: throw .tooLarge(.inflated)
            case .corrupt, .truncated: throw .corruptBody
            case .noMemory: throw .overloaded
            }
        }
    }
}
