package import Conditions
import EventJSON
package import EventLog

/// Sorts the events of chunks for one lane: what repeats, what is not wanted, what cannot be read, and the rest.
package struct ChunkSorter {
    private let chooser: Chooser?
    private let sieve: ReplaySieve?
    private var tape = JSONTape()
    /// Events that are left to the lane.
    package private(set) var wanted = 0
    /// Events that are not wanted, by the reason.
    package private(set) var excluded: [Exclusion: Int] = [:]

    /// For a connection's own lane, or with `sieve` for one of a replay to it.
    package init(_ chooser: Chooser?, _ sieve: ReplaySieve? = nil) {
        self.chooser = chooser
        self.sieve = sieve
    }

    /// Appends the events of `chunk` from an offset on; those at the places `repeated` repeat a message.
    ///
    /// - Returns: what is wrong with the chunk's bodies, if somebody wanted to see them.
    package mutating func sort(
        _ chunk: Chunk,
        from offset: Int64,
        _ repeated: [Int],
        into events: inout [LaneEvent]
    ) -> EventLogError? {
        var repeated = repeated[...]
        var bodies: ChunkBodies?
        var damage: EventLogError?
        for place in chunk.entries.indices {
            let isRepeated = repeated.first == place
            if isRepeated { repeated.removeFirst() }
            guard chunk.firstOffset + Int64(place) >= offset else { continue }
            if isRepeated {
                events.append(LaneEvent(chunk, place, [], choice: .duplicate))
                continue
            }
            let judgement = judge(chunk.entries[place])
            if case .excluded(let exclusion) = judgement {
                excluded[exclusion, default: 0] += 1
                events.append(LaneEvent(chunk, place, [], choice: .filtered(exclusion)))
                continue
            }
            if bodies == nil, damage == nil {
                do throws(EventLogError) { bodies = try chunk.bodies() } catch { damage = error }
            }
            guard let body = bodies?[place] else {
                events.append(LaneEvent(chunk, place, [], choice: .damaged(damage?.description ?? "")))
                continue
            }
            if judgement == .open, let exclusion = exclusion(of: body) {
                excluded[exclusion, default: 0] += 1
                events.append(LaneEvent(chunk, place, body, choice: .filtered(exclusion)))
            } else {
                wanted += 1
                events.append(LaneEvent(chunk, place, body))
            }
        }
        return damage
    }

    private func judge(_ entry: DirectoryEntry) -> Chooser.Judgement {
        let judgement = chooser?.judge(entry) ?? .wanted
        guard let sieve, judgement == .wanted || judgement == .open else { return judgement }
        if !sieve.mayTake(entry) { return .excluded(.replay) }
        return sieve.needsBodies ? .open : judgement
    }

    private mutating func exclusion(of json: ArraySlice<UInt8>) -> Exclusion? {
        if let exclusion = chooser?.exclusion(of: json, &tape) { return exclusion }
        return sieve?.takes(json, &tape) == false ? .replay : nil
    }
}
