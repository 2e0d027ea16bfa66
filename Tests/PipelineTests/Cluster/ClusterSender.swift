import EventModel
import Synchronization
import TestSupport

@testable import EventLog
@testable import Ingestion

/// An application that sends each event until it is answered 200, and never knows more than it is told.
struct ClusterSender {
    /// Events that are sent together.
    private struct Batch {
        let numbers: Range<Int>
        /// The latest try; answers to earlier ones come too late.
        var attempt = 0
        var isUnderWay = false
        var isAnswered = false
    }

    private var batches: [Batch] = []
    private var first = 0

    /// How many batches are on their way at a time.
    private static let together = 6

    init(_ plan: ClusterPlan, _ random: inout SplitMix) {
        var next = 0
        while next < plan.events {
            let size = 1 + Int(random.next() % 6)
            batches.append(Batch(numbers: next..<min(plan.events, next + size)))
            next += size
        }
    }

    var isDone: Bool { first == batches.count }

    func numbers(of batch: Int) -> Range<Int> { batches[batch].numbers }

    /// Sends one of the batches that are not on their way; with which number, and which try it is.
    mutating func send(_ random: inout SplitMix) -> (batch: Int, attempt: Int)? {
        while first < batches.count, batches[first].isAnswered { first += 1 }
        let open = (first..<min(first + Self.together, batches.count)).filter {
            !batches[$0].isUnderWay && !batches[$0].isAnswered
        }
        guard let batch = open.randomElement(using: &random) else { return nil }
        batches[batch].isUnderWay = true
        batches[batch].attempt += 1
        return (batch, batches[batch].attempt)
    }

    /// Stops waiting for one of the batches that are on their way.
    mutating func giveUp(_ random: inout SplitMix) {
        let waiting = (first..<min(first + Self.together, batches.count)).filter { batches[$0].isUnderWay }
        if let batch = waiting.randomElement(using: &random) { batches[batch].isUnderWay = false }
    }

    /// Takes an answer in; the events that are now known to be kept.
    mutating func answered(_ batch: Int, _ attempt: Int, isKept: Bool) -> Range<Int>? {
        guard batches[batch].attempt == attempt, batches[batch].isUnderWay else { return nil }
        batches[batch].isUnderWay = false
        guard isKept, !batches[batch].isAnswered else { return nil }
        batches[batch].isAnswered = true
        return batches[batch].numbers
    }

    // MARK: Events

    static func body(_ number: Int) -> [UInt8] { [UInt8(number & 255), UInt8(number >> 8)] }

    static func number(in body: ArraySlice<UInt8>) -> Int {
        Int(body[body.startIndex]) | Int(body[body.startIndex + 1]) << 8
    }

    static func entry(_ number: Int, _ plan: ClusterPlan, at now: Int64) -> DirectoryEntry {
        DirectoryEntry(
            length: 2,
            type: .track,
            receivedAt: now,
            userHash: UInt64(plan.user(number)),
            nameHash: 0,
            messageHash: EventHash.message(body(number))
        )
    }
}

/// Where requests that have met their end are noted, since they tell it from wherever that is.
final class ClusterReplies: Sendable {
    struct Reply: Sendable {
        let batch: Int
        let attempt: Int
        let isKept: Bool
    }

    private let replies = Mutex<[Reply]>([])

    func note(_ reply: Reply) { replies.withLock { $0.append(reply) } }

    func take() -> [Reply] {
        replies.withLock { replies in
            defer { replies = [] }
            return replies
        }
    }
}
