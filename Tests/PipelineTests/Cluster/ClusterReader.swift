import Catalog
import EventModel

@testable import EventLog
@testable import Pipeline

/// Watches a world from outside: the log, every committed state, and what arrives at the sink.
///
/// It believes nothing that a node says but what senders were answered, and it decides by the definitions alone: what a
/// duplicate is, what is settled, what may arrive twice.
///
/// **How often a part may arrive.** Once, and once more for every answer of the destination that was lost, and once more
/// for every time that a lane began anew while the part was handed out and not settled in the committed state that the
/// lane began from. Nothing else is ever sent twice.
final class ClusterReader {
    /// One part of an event.
    struct PartID: Hashable, CustomStringConvertible {
        let offset: Int64
        let part: Int
        var description: String { "\(offset).\(part)" }
    }

    /// An event as it lies in the log.
    struct Logged {
        let number: Int
        let user: UInt64
        let isDuplicate: Bool
        let isDamaged: Bool
    }

    /// What was seen of one lane.
    private struct Sight {
        /// Parts that are or were on their way to the sink.
        var handedOut: Set<PartID> = []
        var arrivals: [PartID: Int] = [:]
        /// How often a part may arrive beyond the first time.
        var repeats: [PartID: Int] = [:]
        var beginnings = 0
        /// Counts how often the lane began, or its lease was taken over.
        var life = 0
        /// Parts that arrived since the lane began last, sent by it, and whose arrival it was told.
        var delivered: Set<PartID> = []
        /// Whether the lane ended without waiting for its last answers.
        var isCalledOff = false
    }

    private let plan: ClusterPlan
    /// What contradicts a promise; empty in a world without flaws.
    private(set) var problems: [String] = []
    private(set) var log: [PartitionID: [Logged]] = [:]
    private var sights: [LaneID: Sight] = [:]
    /// The source as it is by now.
    private(set) var source: Source
    /// When each message id was accepted last in the partition where it stands now, and before that.
    private var messages: [MessageHash: (generation: UInt16, time: Int64, earlier: Int64)] = [:]
    /// The highest place of each user of which anything ever arrived at a consumer.
    private var latest: [Int64: [UInt64: Int64]] = [:]
    private var lastTime: [PartitionID: Int64] = [:]
    /// Offsets of each event, by its number.
    private var places: [Int: [(partition: PartitionID, offset: Int64)]] = [:]
    private var answered: Set<Int> = []

    init(_ plan: ClusterPlan) {
        self.plan = plan
        source = plan.source(after: 0)
    }

    /// The source has these partitions now.
    func opened(_ source: Source) {
        trace?("generation \(source.generation) begins with \(source.partitions) partitions")
        self.source = source
        for partition in source.partitionIDs { log[partition] = [] }
        for lane in plan.lanes(of: source.partitionIDs) { sights[lane] = Sight() }
    }

    /// Tells what happens, where one seed is played alone.
    var trace: ((String) -> Void)?

    func report(_ problem: String) {
        if problems.count < 20 { problems.append(problem) }
    }

    // MARK: The log

    /// A chunk was committed.
    func appended(_ chunk: Chunk, isDamaged: Bool) {
        let partition = chunk.partition
        let end = Int64(log[partition]?.count ?? 0)
        guard chunk.firstOffset == end else {
            return report("a chunk of \(partition) begins at \(chunk.firstOffset) where the log ends at \(end)")
        }
        if chunk.sliceTime <= lastTime[partition] ?? -1 { report("time goes back in \(partition) at \(end)") }
        lastTime[partition] = chunk.sliceTime
        guard let bodies = try? chunk.bodies() else { return report("the chunk at \(end) cannot be read") }
        if partition.generation != source.generation { report("a chunk was appended to \(partition), which is closed") }
        for (place, entry) in chunk.entries.enumerated() {
            let number = ClusterSender.number(in: bodies[place])
            log[partition]?.append(
                Logged(
                    number: number,
                    user: entry.userHash,
                    isDuplicate: met(entry.messageHash, in: chunk),
                    isDamaged: isDamaged
                )
            )
            places[number, default: []].append((partition, end + Int64(place)))
            let user = entry.userHash
            if user != UInt64(plan.user(number)) || partition != source.current.partition(of: user) {
                report("event \(number) has another user or lies in another partition")
            }
        }
    }

    /// Whether a message id was accepted within the window's length before.
    private func met(_ hash: MessageHash, in chunk: Chunk) -> Bool {
        let generation = chunk.partition.generation
        var seen = messages[hash] ?? (generation, .min, .min)
        if seen.generation != generation { seen = (generation, .min, max(seen.time, seen.earlier)) }
        let isMet = max(seen.time, seen.earlier) >= chunk.sliceTime - plan.window
        seen.time = chunk.sliceTime
        messages[hash] = seen
        return isMet
    }

    /// A node says which events of a chunk are duplicates.
    func told(_ chunk: Chunk, _ repeats: [Int]) {
        guard let known = log[chunk.partition] else { return }
        let first = Int(chunk.firstOffset)
        let truth = (0..<chunk.count).filter { known[first + $0].isDuplicate }
        if truth != repeats { report("\(first) of \(chunk.partition) repeats \(truth), and \(repeats) by a node") }
    }

    /// A sender was told that an event is kept.
    func answered(_ number: Int) {
        answered.insert(number)
        if places[number] == nil { report("event \(number) was answered before it was committed") }
    }

    // MARK: The sink

    func tookOver(_ partition: PartitionID) {
        trace?("\(partition) is taken over")
        for lane in plan.lanes(of: [partition]) { endLife(of: lane) }
    }

    /// A crash of the database lost a commit of mere progress, so what arrived may arrive again.
    func lost(_ lane: LaneID) { sights[lane]?.delivered = [] }

    private func endLife(of lane: LaneID) {
        sights[lane]?.life += 1
        sights[lane]?.delivered = []
        sights[lane]?.isCalledOff = false
    }

    /// A lease was given back: what arrived is settled, so that it does not arrive again.
    func gaveBack(_ partition: PartitionID, _ stores: [LaneID: ClusterDatabase.Store]) {
        trace?("\(partition) is given back")
        for lane in plan.lanes(of: [partition]) {
            guard let store = stores[lane], let sight = sights[lane], !sight.isCalledOff else { continue }
            for part in sight.delivered where !isSettled(part, in: store) {
                report("\(lane) is given back with \(part), which arrived and is not settled")
            }
        }
    }

    /// A lane ends without waiting for its last answers.
    func calledOff(_ lane: LaneID) { sights[lane]?.isCalledOff = true }

    /// A lane begins from a committed state; what was handed out and is not settled in it may arrive again.
    ///
    /// - Returns: which life of the lane this is.
    func began(_ lane: LaneID, from store: ClusterDatabase.Store) -> Int {
        trace?("\(lane) begins at \(store.record.position.offset), commit \(store.record.number)")
        guard var sight = sights.removeValue(forKey: lane) else { return 0 }
        sight.beginnings += 1
        for part in sight.handedOut where !isSettled(part, in: store) { sight.repeats[part, default: 0] += 1 }
        sights[lane] = sight
        endLife(of: lane)
        return sight.life + 1
    }

    /// A request is begun, by the holder of the lease or by somebody else.
    func handedOut(_ lane: LaneID, _ parts: [PartID], isHeld: Bool) {
        trace?("\(lane) sends \(parts)")
        for part in parts { sights[lane]?.handedOut.insert(part) }
        if !isHeld { report("\(lane) sends \(parts) though the lease has passed on") }
    }

    /// The destination took a request, but nobody was told.
    func answerLost(_ lane: LaneID, _ parts: [PartID]) {
        for part in parts {
            sights[lane]?.repeats[part, default: 0] += 1
            sights[lane]?.delivered.remove(part)
        }
    }

    /// A request arrived and was taken.
    func arrived(_ lane: LaneID, _ parts: [PartID], life: Int) {
        trace?("\(lane) delivers \(parts)")
        for part in parts {
            let known = log[lane.partition] ?? []
            guard known.indices.contains(Int(part.offset)) else {
                report("\(part) arrived and is not in the log")
                continue
            }
            let event = known[Int(part.offset)]
            if event.isDuplicate { report("\(lane) delivered \(part), a duplicate") }
            let isMeant = !event.isDamaged && !plan.isFiltered(event.number, lane)
            if !isMeant || !plan.isSent(event.number, part.part, lane) { report("\(lane) delivered \(part) in vain") }
            let count = (sights[lane]?.arrivals[part] ?? 0) + 1
            sights[lane]?.arrivals[part] = count
            // Of an event of several parts, the others may not have been sent yet, and it is settled as a whole.
            if sights[lane]?.life == life, plan.parts(event.number, lane) == 1 {
                sights[lane]?.delivered.insert(part)
            }
            let most = 1 + (sights[lane]?.repeats[part] ?? 0)
            if count > most { report("\(lane) delivered \(part) \(count) times where \(most) are allowed") }
            guard count == 1 else { continue }
            // Everything in a generation comes after everything in the one before.
            let order = Int64(lane.partition.generation) << 32 | part.offset
            let latest = latest[lane.consumer.rawValue]?[event.user] ?? -1
            if order < latest { report("\(lane) delivered \(part) after \(latest) of the same user") }
            self.latest[lane.consumer.rawValue, default: [:]][event.user] = max(latest, order)
        }
    }

    // MARK: Committed states

    /// Whether a part needs no more in a committed state.
    func isSettled(_ part: PartID, in store: ClusterDatabase.Store) -> Bool {
        guard Self.isSettled(part.offset, in: store.record) else { return false }
        return store.parked[ParkedKey(offset: part.offset, part: nil)] == nil
            && store.parked[ParkedKey(offset: part.offset, part: part.part)] == nil
    }

    private static func isSettled(_ offset: Int64, in record: LaneRecord) -> Bool {
        let distance = offset - record.position.offset
        guard distance >= 0 else { return true }
        let byte = Int(distance / 8)
        return byte < record.beyond.count && record.beyond[byte] & (1 << UInt8(distance % 8)) != 0
    }

    private static func end(of record: LaneRecord) -> Int64 {
        record.position.offset + Int64(record.beyond.count) * 8
    }

    /// A checkpoint of a lane was committed.
    func committed(_ before: ClusterDatabase.Store, _ after: ClusterDatabase.Store) {
        let (old, new) = (before.record, after.record)
        let lane = new.lane
        let counts = new.counts
        trace?("\(lane) commits \(new.number) at \(new.position.offset), \(after.parked.keys.map(\.offset)) parked")
        if new.number <= old.number { report("\(lane): commit \(new.number) after \(old.number)") }
        if new.position.offset < old.position.offset {
            report("\(lane) went back from \(old.position.offset) to \(new.position.offset)")
        }
        if new.position.offset > Int64(log[lane.partition]?.count ?? 0) { report("\(lane) is beyond the log") }
        if !counts.reconcile { report("\(lane): \(counts) does not add up") }
        let bits = new.beyond.reduce(0) { $0 + $1.nonzeroBitCount }
        if counts.read != new.position.offset + Int64(bits - after.followers) - new.start - new.expired {
            report("\(lane): \(counts.read) events read at \(new.position.offset), \(bits), \(after.followers)")
        }
        if counts.waiting != Int64(after.parked.count - after.followers) {
            report("\(lane): \(counts.waiting) parts wait, \(after.parked.count - after.followers) are parked")
        }
        if counts.failed + counts.deadLettered != Int64(after.letters.count) {
            report("\(lane): \(counts.failed) + \(counts.deadLettered) dead, \(after.letters.count) letters")
        }
        for offset in old.position.offset..<max(Self.end(of: new), Self.end(of: old)) {
            let isSettled = Self.isSettled(offset, in: new)
            if Self.isSettled(offset, in: old), !isSettled { report("\(lane): \(offset) is not settled any more") }
            if isSettled, !Self.isSettled(offset, in: old) { checkFate(of: offset, in: after) }
        }
        for key in before.parked.keys where after.parked[key] == nil { checkFate(of: key.offset, in: after) }
    }

    /// An event that is settled has its fate: it arrived, waits, lies with the dead letters, or was not wanted.
    private func checkFate(of offset: Int64, in store: ClusterDatabase.Store) {
        let lane = store.record.lane
        guard let event = log[lane.partition]?[Int(offset)] else { return }
        if event.isDuplicate || plan.isFiltered(event.number, lane) && !event.isDamaged { return }
        if store.parked[ParkedKey(offset: offset, part: nil)] != nil { return }
        let letters = Set(store.letters.filter { $0.offset == offset }.map(\.part))
        if letters.contains(nil) { return }
        if plan.isDropped(event.number, lane), !event.isDamaged { return }
        for part in 0..<plan.parts(event.number, lane) where !plan.isConnectorDropped(event.number, part, lane) {
            let isThere = sights[lane]?.arrivals[PartID(offset: offset, part: part)] != nil
            if isThere || letters.contains(part) { continue }
            if store.parked[ParkedKey(offset: offset, part: part)] != nil { continue }
            report("\(lane) settled part \(part) of \(offset), which went nowhere")
        }
    }

    // MARK: The end

    /// Everything has come to rest: nothing is left over, and the counts are what the definitions say.
    func checkEnd(_ database: ClusterDatabase) {
        for number in 0..<plan.events where !answered.contains(number) { report("event \(number) was never answered") }
        for lane in plan.lanes(of: source.allPartitionIDs) {
            guard let store = database.stores[lane] else { continue }
            var expected = Counts()
            for event in log[lane.partition] ?? [] {
                expected += plan.counts(
                    event.number,
                    lane,
                    isDuplicate: event.isDuplicate,
                    isDamaged: event.isDamaged
                )
            }
            if store.record.counts != expected { report("\(lane) ends with \(store.record.counts), not \(expected)") }
            if store.record.position.offset != database.end(of: lane.partition) || !store.record.beyond.isEmpty {
                report("\(lane) ends at \(store.record.position.offset)")
            }
            if !store.parked.isEmpty { report("\(lane) leaves \(store.parked.count) parked") }
            for offset in (log[lane.partition] ?? []).indices { checkFate(of: Int64(offset), in: store) }
        }
        // Of what was sent again, one is no duplicate, so the checks above have seen its fate.
        for number in answered where isLost(number) { report("event \(number) was answered and is only a duplicate") }
    }

    private func isLost(_ number: Int) -> Bool {
        !(places[number] ?? []).contains { log[$0.partition]?[Int($0.offset)].isDuplicate == false }
    }

    /// How often lanes began anew, and how often something arrived again.
    var tally: (beginnings: Int, arrivals: Int, repeats: Int) {
        sights.values.reduce(into: (0, 0, 0)) { sum, sight in
            sum.0 += sight.beginnings
            sum.1 += sight.arrivals.count
            sum.2 += sight.arrivals.values.reduce(0) { $0 + $1 - 1 }
        }
    }
}
