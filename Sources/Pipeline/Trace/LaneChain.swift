import EventLog
import EventModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Which plugin versions handle the events of a lane, and what of that is still to be written down.
///
/// Of all rows that speak of an event the one that was written last holds. From an offset on one chain is in force. Events that others handled than those around them are named: portions that
/// began again under newer plugins, and events that waited and were read again later.
package struct LaneChain: Equatable, Sendable {
    /// What is written down of one change.
    package struct Row: Equatable, Sendable {
        /// From this offset on; the lowest of `offsets` where there are any.
        package let from: Int64
        /// These events alone; nil for all from there on.
        package let offsets: [Int64]?
        package let stages: [PluginLabel]
    }

    /// What is in force for what is read next; nil if nothing was ever read.
    private var current: [PluginLabel]?
    /// Since which offset.
    private var since: Int64
    /// Events beyond the position that were settled before the lane was taken up, and so under what was in force then.
    private var settled: [Int64]
    /// The last event that a row names by itself.
    private var lastNamed: Int64 = -1
    private var rows: [Row] = []

    package init(current: [PluginLabel]? = nil, since: Int64 = 0, settled: [Int64] = []) {
        self.current = current
        self.since = since
        self.settled = settled
    }

    /// Notes that what is read from `offset` on goes through these stages.
    package mutating func begin(_ stages: [PluginLabel], from offset: Int64) {
        // After a crash reading begins below what was noted last, and what is noted later holds from there on.
        guard stages != current || offset < since else { return }
        let earlier = settled.filter { $0 >= max(offset, since) }
        rows.append(Row(from: offset, offsets: nil, stages: stages))
        if let current, stages != current, !earlier.isEmpty { name(earlier, current) }
        settled = []
        current = stages
        since = offset
    }

    /// Notes that these events, in ascending order, went or go through these stages, whatever is in force around them.
    ///
    /// Of those that are not `chosen` under the rule that the connector's label tells it was settled before that they are
    /// wanted.
    package mutating func handle(_ offsets: [Int64], by stages: [PluginLabel], areChosen: Bool = true) {
        var stages = stages
        if !areChosen, let rule = current?.last?.rule, !stages.isEmpty { stages[stages.count - 1].rule = rule }
        let others = offsets.filter { stages != current || $0 < since || $0 <= lastNamed }
        guard !others.isEmpty else { return }
        if !areChosen, stages.last?.rule != nil { stages[stages.count - 1].rule = "" }
        name(others, stages)
    }

    private mutating func name(_ offsets: [Int64], _ stages: [PluginLabel]) {
        guard let first = offsets.first, let last = offsets.last else { return }
        lastNamed = max(lastNamed, last)
        rows.append(Row(from: first, offsets: offsets, stages: stages))
    }

    /// What is to be written, once.
    mutating func takeRows() -> [Row] {
        defer { rows = [] }
        return rows
    }
}

extension LaneChain {
    /// Goes on from what was written last.
    init(_ record: ChainRecord?, _ progress: LaneProgress) {
        guard let record, let stages = record.plugins else {
            self.init()
            return
        }
        self.init(
            current: stages.map { PluginLabel($0) },
            since: record.from,
            settled: progress.settledBeyond
        )
    }
}

extension ChainRecord {
    /// The stages; nil for a text that nobody can read.
    var plugins: [PathPlugin]? { try? JSONDecoder().decode([PathPlugin].self, from: Data(stages.utf8)) }
}

extension LaneProgress {
    /// Events beyond the position that are settled.
    fileprivate var settledBeyond: [Int64] {
        beyond.enumerated().flatMap { place, byte in
            (0..<8).compactMap { byte & (1 << $0) == 0 ? nil : position + Int64(place * 8 + $0) }
        }
    }
}
