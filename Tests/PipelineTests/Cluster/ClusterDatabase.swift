import EventModel
import PostgreSQL

@testable import EventLog
@testable import Pipeline

/// PostgreSQL as far as the log uses it: rows with locks, statements that commit by themselves, and a journal whose end
/// a crash may lose.
///
/// Each statement does what the routine of its name in `Sources/CSchema/sql/routines` does. It arrives, waits for its
/// locks, works with what it sees then, and becomes visible at its commit, each at a step of its own.
final class ClusterDatabase {
    /// Who waits for an answer.
    struct Client {
        let node: Int
        let run: Int
        let ticket: Int
    }

    enum Statement {
        case append([ChunkDraft])
        case checkpoint(Checkpoint, [Lease], node: Int64)
        case join(identity: Int)
        /// A sign of life; gives leases back, ends nodes that fell silent, takes what nobody alive holds.
        case tick(Int64, given: [Lease], takes: Bool)
    }

    enum Answer {
        case done
        case joined(Int64)
        case leases([Lease])
        case failed(EventLogError)

        static let lost = Answer.failed(.database(.connectionLost(query: "world")))
    }

    /// What is kept of a lane.
    struct Store {
        var record: LaneRecord
        var parked: [ParkedKey: ParkedRecord] = [:]
        var letters: [DeadLetter] = []
        /// Parked rows that are whole events.
        var followers = 0
    }

    private struct Transaction {
        let statement: Statement
        /// Nil once nobody waits for it any more.
        var client: Client?
        var locks: [Lock] = []
        /// What its commit does; nil while it waits for locks.
        var effect: (() -> Answer)?
    }

    private enum Lock: Hashable {
        case partition(PartitionID)
        case lease(PartitionID)
    }

    private struct LeaseRow {
        var epoch: Int64 = 0
        var node: Int64?
    }

    private let plan: ClusterPlan
    private let flaw: ClusterFlaw?
    private let reader: ClusterReader
    private(set) var chunks: [PartitionID: [Chunk]] = [:]
    private(set) var stores: [LaneID: Store] = [:]
    private var leases: [PartitionID: LeaseRow] = [:]
    private var nodes: [Int64: (identity: Int, beat: Int64, isEnded: Bool)] = [:]
    private var lastNode: Int64 = 0
    private var locked: Set<Lock> = []
    private var transactions: [Int: Transaction] = [:]
    private var lastTransaction = 0
    /// Commits that were answered before they were on the disk, oldest first, with what was there before.
    private var unflushed: [(lane: LaneID, before: Store)] = []
    /// Whether a crash has ever lost a commit.
    private(set) var hasLost = false
    /// The database's clock.
    var now: Int64 = 0
    /// Chunks whose bodies cannot be read, by the offset of their first event.
    var damaged: [PartitionID: Set<Int64>] = [:]
    /// Whether the next chunk that is committed goes bad.
    var damagesNext = false

    init(_ plan: ClusterPlan, _ flaw: ClusterFlaw?, _ reader: ClusterReader) {
        (self.plan, self.flaw, self.reader) = (plan, flaw, reader)
        for partition in plan.partitionIDs {
            leases[partition] = LeaseRow()
            chunks[partition] = []
        }
        for lane in plan.lanes { stores[lane] = Store(record: LaneRecord(lane: lane, number: 0)) }
    }

    /// The offset behind the last event of a partition.
    func end(of partition: PartitionID) -> Int64 { chunks[partition]?.last?.endOffset ?? 0 }

    var isIdle: Bool { transactions.isEmpty }

    // MARK: Statements

    /// Takes a statement in and gives it a number.
    func begin(_ statement: Statement, for client: Client) -> Int {
        lastTransaction += 1
        transactions[lastTransaction] = Transaction(statement: statement, client: client)
        return lastTransaction
    }

    /// Whoever waited for a statement goes away; the statement goes on.
    func abandon(_ number: Int) -> Client? {
        defer { transactions[number]?.client = nil }
        return transactions[number]?.client
    }

    func client(of number: Int) -> Client? { transactions[number]?.client }

    /// Forgets a statement that never arrived.
    func drop(_ number: Int) { transactions[number] = nil }

    /// Takes a statement one step further; whether it has ended, and who is to be answered what.
    func advance(_ number: Int) -> (isOver: Bool, answer: (Client, Answer)?) {
        guard let transaction = transactions[number] else { return (true, nil) }
        if let effect = transaction.effect {
            let answer = effect()
            locked.subtract(transaction.locks)
            transactions[number] = nil
            return (true, transaction.client.map { ($0, answer) })
        }
        let locks = locks(for: transaction.statement)
        guard locked.isDisjoint(with: locks) else { return (false, nil) }
        locked.formUnion(locks)
        transactions[number]?.locks = locks
        transactions[number]?.effect = work(transaction.statement)
        return (false, nil)
    }

    private func locks(for statement: Statement) -> [Lock] {
        switch statement {
        case .append(let drafts):
            flaw == .appendsWithoutLock ? [] : Set(drafts.map(\.partition)).map { .partition($0) }
        case .checkpoint(_, let leases, _): leases.map { .lease($0.partition) }
        case .join, .tick: []
        }
    }

    /// What a statement does, decided by what is visible once it has its locks.
    private func work(_ statement: Statement) -> () -> Answer {
        switch statement {
        case .append(let drafts): return append(drafts)
        case .checkpoint(let checkpoint, let leases, let me): return commit(checkpoint, leases, me)
        case .join(let identity):
            return { [self] in
                nodes = nodes.filter { $0.value.identity != identity }
                lastNode += 1
                nodes[lastNode] = (identity, now, false)
                flush()
                return .joined(lastNode)
            }
        case .tick(let me, let given, let takes): return tick(me, given, takes)
        }
    }

    /// It never waits: what somebody has locked is left as it is.
    private func tick(_ me: Int64, _ given: [Lease], _ takes: Bool) -> () -> Answer {
        { [self] in
            guard nodes[me]?.isEnded == false else { return .failed(.nodeReplaced) }
            nodes[me]?.beat = now
            for other in nodes.keys where other != me && isSilent(other) { nodes[other]?.isEnded = true }
            for lease in given where !locked.contains(.lease(lease.partition)) {
                guard let row = leases[lease.partition], row.node == me, row.epoch == lease.epoch else { continue }
                leases[lease.partition]?.node = nil
            }
            for partition in plan.partitionIDs where takes && isFree(partition, for: me) {
                if locked.contains(.lease(partition)) { continue }
                leases[partition]?.epoch += 1
                leases[partition]?.node = me
                reader.tookOver(partition)
            }
            flush()
            let mine = leases.filter { $0.value.node == me }
            return .leases(mine.map { Lease(partition: $0.key, epoch: $0.value.epoch) })
        }
    }

    private func isSilent(_ node: Int64) -> Bool {
        guard let beat = nodes[node]?.beat, flaw != .takesOverAtOnce else { return true }
        return beat <= now - ClusterPlan.leaseTime - ClusterPlan.requestTime
    }

    /// Whether nobody alive holds a lease.
    private func isFree(_ partition: PartitionID, for me: Int64) -> Bool {
        guard let holder = leases[partition]?.node else { return true }
        return holder != me && nodes[holder]?.isEnded != false
    }

    private func append(_ drafts: [ChunkDraft]) -> () -> Answer {
        var ends: [PartitionID: LogPosition] = [:]
        var rows: [Chunk] = []
        for draft in drafts {
            let last = ends[draft.partition] ?? chunks[draft.partition]?.last?.end ?? .beginning
            let chunk = Chunk(draft, firstOffset: last.offset, sliceTime: max(last.sliceTime + 1, now))
            ends[draft.partition] = chunk.end
            rows.append(chunk)
        }
        return { [self] in
            for row in rows {
                chunks[row.partition]?.append(row)
                if damagesNext { damaged[row.partition, default: []].insert(row.firstOffset) }
                reader.appended(row, isDamaged: damagesNext)
                damagesNext = false
            }
            flush()
            return .done
        }
    }

    // MARK: Checkpoints

    private func commit(_ checkpoint: Checkpoint, _ held: [Lease], _ me: Int64) -> () -> Answer {
        let isHeld = held.allSatisfy { leases[$0.partition]?.epoch == $0.epoch && leases[$0.partition]?.node == me }
        guard isHeld || flaw == .ignoresEpoch else { return { .failed(.leaseLost) } }
        let kept = checkpoint.lanes.count { record in
            flaw != .ignoresNumber && (stores[record.lane]?.record.number ?? 0) >= record.number
        }
        if kept == checkpoint.lanes.count { return { .done } }
        if kept > 0 {
            let error = ServerError(
                sqlState: "23505",
                severity: "ERROR",
                query: "checkpoint",
                message: nil,
                constraint: nil
            )
            return { .failed(.database(.server(error))) }
        }
        return { [self] in
            for record in checkpoint.lanes {
                guard var store = stores[record.lane] else { continue }
                let before = store
                store.record = record
                for id in checkpoint.unparked where id.lane == record.lane {
                    remove(ParkedKey(offset: id.offset, part: id.part), from: &store)
                }
                for row in checkpoint.parked where row.lane == record.lane {
                    let key = ParkedKey(offset: row.offset, part: row.part)
                    remove(key, from: &store)
                    store.parked[key] = row
                    if row.part == nil { store.followers += 1 }
                }
                store.letters += checkpoint.deadLetters.filter { $0.lane == record.lane }
                stores[record.lane] = store
                unflushed.append((record.lane, before))
                reader.committed(before, store)
            }
            if checkpoint.mustLast { flush() }
            return .done
        }
    }

    private func remove(_ key: ParkedKey, from store: inout Store) {
        if store.parked.removeValue(forKey: key) != nil, key.part == nil { store.followers -= 1 }
    }

    /// What was committed so far is on the disk.
    func flush() { if flaw != .neverFlushes { unflushed = [] } }

    /// Ends every statement, and loses what was committed last without being flushed; gives whoever waits.
    func crash(_ random: inout some RandomNumberGenerator) -> [Client] {
        let clients = transactions.values.compactMap(\.client).sorted { $0.ticket < $1.ticket }
        transactions = [:]
        locked = []
        let kept = Int(random.next() % UInt64(unflushed.count + 1))
        for (lane, before) in unflushed[kept...].reversed() {
            stores[lane] = before
            hasLost = true
        }
        unflushed = []
        return clients
    }
}
