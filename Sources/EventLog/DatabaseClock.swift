import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How far PostgreSQL's clock is from this node's.
///
/// Hosts may disagree about the time. What one node writes down for another is therefore kept in PostgreSQL's time, and
/// said in the node's own to everybody on the node.
final class DatabaseClock: Sendable {
    /// A difference that is not worth a correction, in microseconds: clocks that are kept differ by less.
    private static let tolerance: Int64 = 1_000_000
    /// An answer that took longer says too little of the moment, unless nothing better is known, in microseconds.
    private static let patience: Int64 = 2_000_000

    private let wall: @Sendable () -> Int64
    private let lead = Atomic<Int64>(0)
    private let isCompared = Atomic<Bool>(false)

    init(_ wall: @escaping @Sendable () -> Int64) { self.wall = wall }

    /// What this node's own clock says.
    /// - Unit: microseconds since 1970.
    static let own: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    /// Asks PostgreSQL for its time, and notes how far it is from ours.
    func compare(_ ask: () async throws(EventLogError) -> Int64) async throws(EventLogError) {
        let before = wall()
        let there = try await ask()
        let after = wall()
        let time = after - before
        guard time >= 0, time < Self.patience || !isCompared.load(ordering: .relaxed) else { return }
        let difference = there - (before + after) / 2
        lead.store(abs(difference) < max(Self.tolerance, time / 2) ? 0 : difference, ordering: .relaxed)
        isCompared.store(true, ordering: .relaxed)
    }

    /// What PostgreSQL's clock says, as far as it is known here.
    /// - Unit: microseconds since 1970.
    var now: Int64 { database(wall()) }

    /// A time of ours as PostgreSQL would say it.
    func database(_ time: Int64) -> Int64 { time + lead.load(ordering: .relaxed) }

    /// A time of PostgreSQL's as we would say it.
    func own(_ time: Int64) -> Int64 { time - lead.load(ordering: .relaxed) }
}
