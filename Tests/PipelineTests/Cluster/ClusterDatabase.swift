import Catalog
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
        case checkpoint(Checkpoint, [Lease], node: NodeID)
        case join(identity: String, earlier: NodeID?)
        case tick(NodeID, Tenancy.Wishes)
        case leave(NodeID)
        case unfinished([LaneID])
        /// Gives the source other partitions.
        case change
    }

    enum Answer {
        case done
        case joined(NodeID?)
        case tick(TickAnswer.Standing, Tenancy.Answer)
        case unfinished([UnfinishedLane])
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
        let begin: Int64
        /// Nil once nobody waits for it any more.
        var client: Client?
        var locks: [Lock] = []
        /// What its commit does; nil while it waits for locks.
        var effect: (() -> Answer)?
        var tick: ClusterNodeTable.Tick?
    }

    enum Lock: Equatable {
        case partition(PartitionID)
        case lease(PartitionID)
        case node(NodeID)
    }

    let plan: ClusterPlan
    private let flaw: ClusterFlaw?
    private let reader: ClusterReader
    private(set) var chunks: [PartitionID: [Chunk]] = [:]
    private(set) var stores: [LaneID: Store] = [:]
    var table = ClusterNodeTable()
    /// As the catalog says.
    private(set) var source: Source
    private var locked: [Lock] = []
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
    /// Whether something was committed that nodes are notified of.
    var hasNews = false
    /// Statements that nobody waits for arrive within this time or never, as their connections are gone.
    private static let stray = ClusterPlan.leaseTime / 2

    init(_ plan: ClusterPlan, _ flaw: ClusterFlaw?, _ reader: ClusterReader) {
        (self.plan, self.flaw, self.reader) = (plan, flaw, reader)
        source = plan.source(after: 0)
        open(source)
    }

    /// Opens the partitions of the current generation.
    private func open(_ source: Source) {
        self.source = source
        for partition in source.partitionIDs {
            table.leases.append(ClusterNodeTable.LeaseRow(partition: partition))
            chunks[partition] = []
        }
        for lane in plan.lanes(of: source.partitionIDs) {
            stores[lane] = Store(record: LaneRecord(lane: lane, number: 0))
        }
        reader.opened(source)
    }

    /// The offset behind the last event of a partition.
    func end(of partition: PartitionID) -> Int64 { chunks[partition]?.last?.endOffset ?? 0 }

    var isIdle: Bool { transactions.isEmpty }

    // MARK: Statements

    /// Takes a statement in and gives it a number.
    func begin(_ statement: Statement, for client: Client?) -> Int {
        lastTransaction += 1
        transactions[lastTransaction] = Transaction(statement: statement, begin: now, client: client)
        return lastTransaction
    }

    /// Whoever waited for a statement goes away; the statement goes on.
    func abandon(_ number: Int) -> Client? {
        defer { transactions[number]?.client = nil }
        return transactions[number]?.client
    }

    func client(of number: Int) -> Client? { transactions[number]?.client }

    /// Takes a statement one step further; whether it has ended, and who is to be answered what.
    func advance(_ number: Int) -> (isOver: Bool, answer: (Client, Answer)?) {
        guard let transaction = transactions[number] else { return (true, nil) }
        if let effect = transaction.effect { return end(number, effect()) }
        if transaction.tick != nil { return takeTick(number) }
        if transaction.client == nil, transaction.begin < now - Self.stray {
            transactions[number] = nil
            return (true, nil)
        }
        let locks = locks(for: transaction.statement)
        guard !locks.contains(where: locked.contains) else { return (false, nil) }
        if case .tick(let me, let wishes) = transaction.statement { return beginTick(number, me, wishes) }
        locked += locks
        transactions[number]?.locks = locks
        transactions[number]?.effect = work(transaction.statement)
        return (false, nil)
    }

    private func end(_ number: Int, _ answer: Answer) -> (isOver: Bool, answer: (Client, Answer)?) {
        guard let transaction = transactions.removeValue(forKey: number) else { return (true, nil) }
        if !transaction.locks.isEmpty { locked.removeAll { transaction.locks.contains($0) } }
        return (true, transaction.client.map { ($0, answer) })
    }

    private func locks(for statement: Statement) -> [Lock] {
        switch statement {
        case .append(let drafts):
            flaw == .appendsWithoutLock ? [] : Set(drafts.map(\.partition)).map { .partition($0) }
        case .checkpoint(_, let leases, _): leases.map { .lease($0.partition) }
        case .tick(let me, _): [.node(me)]
        case .leave(let me): table.leases.filter { $0.node == me }.map { .lease($0.partition) }
        case .change: source.partitionIDs.map { .partition($0) }
        case .join, .unfinished: []
        }
    }

    /// What a statement does, decided by what is visible once it has its locks.
    private func work(_ statement: Statement) -> () -> Answer {
        switch statement {
        case .append(let drafts): return append(drafts)
        case .checkpoint(let checkpoint, let leases, let me): return commit(checkpoint, leases, me)
        case .join(let identity, let earlier):
            return { [self] in
                flush()
                hasNews = true
                return .joined(table.join(identity, after: earlier))
            }
        case .leave(let me):
            return { [self] in
                for lease in table.leases where lease.node == me { reader.gaveBack(lease.partition, stores) }
                table.leave(me)
                flush()
                hasNews = true
                return .done
            }
        case .unfinished(let lanes):
            let found = lanes.compactMap(unfinished)
            return { .unfinished(found) }
        case .change:
            return { [self] in
                open(plan.source(after: Int(source.generation) + 1))
                flush()
                return .done
            }
        case .tick: return { .done }
        }
    }

    // MARK: Ticks

    private func beginTick(
        _ number: Int,
        _ me: NodeID,
        _ wishes: Tenancy.Wishes
    ) -> (isOver: Bool, answer: (Client, Answer)?) {
        guard let row = table.row(of: me) else { return end(number, .tick(.replaced, Tenancy.Answer())) }
        if row.isEnded { return end(number, .tick(.silent, Tenancy.Answer())) }
        var tick = ClusterNodeTable.Tick(me: me, wishes: wishes)
        table.begin(&tick, flaw) { locked.contains($0) }
        let locks =
            [.node(me)] + tick.ended.map { Lock.node($0) } + tick.given.map { Lock.lease($0.partition) }
        locked += locks
        transactions[number]?.locks = locks
        transactions[number]?.tick = tick
        return (false, nil)
    }

    private func takeTick(_ number: Int) -> (isOver: Bool, answer: (Client, Answer)?) {
        guard var tick = transactions[number]?.tick else { return (true, nil) }
        table.take(&tick) { locked.contains($0) }
        let locks = tick.taken.map { Lock.lease($0.partition) }
        locked += locks
        transactions[number]?.locks += locks
        let answer = table.answer(tick)
        transactions[number]?.effect = { [self, tick] in
            if table.commit(tick) { hasNews = true }
            for lease in tick.given { reader.gaveBack(lease.partition, stores) }
            for lease in tick.taken { reader.tookOver(lease.partition) }
            flush()
            return .tick(.alive, answer)
        }
        return (false, nil)
    }

    // MARK: Appends

    private func append(_ drafts: [ChunkDraft]) -> () -> Answer {
        if drafts.contains(where: { $0.partition.generation != source.generation }), flaw != .appendsToClosed {
            return { .failed(.partitionClosed) }
        }
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

    private func commit(_ checkpoint: Checkpoint, _ held: [Lease], _ me: NodeID) -> () -> Answer {
        let isHeld = held.allSatisfy { lease in
            table.place(of: lease.partition).map {
                table.leases[$0].epoch == lease.epoch && table.leases[$0].node == me
            } ?? false
        }
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
            for record in checkpoint.lanes { keep(record, of: checkpoint) }
            if checkpoint.mustLast { flush() }
            return .done
        }
    }

    private func keep(_ record: LaneRecord, of checkpoint: Checkpoint) {
        guard var store = stores[record.lane] else { return }
        let before = store
        store.record = record
        let letters = checkpoint.deadLetters.filter { $0.lane == record.lane }
        for letter in letters where letter.stage != "read" && letter.before == nil {
            if store.parked[ParkedKey(offset: letter.offset, part: letter.part)]?.before == nil {
                reader.report("the dead letter of \(letter.offset) in \(record.lane) is without its event")
            }
        }
        for id in checkpoint.unparked where id.lane == record.lane {
            remove(ParkedKey(offset: id.offset, part: id.part), from: &store)
        }
        for row in checkpoint.parked where row.lane == record.lane {
            let key = ParkedKey(offset: row.offset, part: row.part)
            var row = row
            row.before = store.parked[key]?.before ?? row.before
            remove(key, from: &store)
            store.parked[key] = row
            if row.part == nil { store.followers += 1 }
        }
        store.letters += letters
        stores[record.lane] = store
        unflushed.append((record.lane, before))
        reader.committed(before, store)
    }

    private func remove(_ key: ParkedKey, from store: inout Store) {
        if store.parked.removeValue(forKey: key) != nil, key.part == nil { store.followers -= 1 }
    }

    /// What is left of a lane of a closed partition.
    private func unfinished(_ lane: LaneID) -> UnfinishedLane? {
        guard let store = stores[lane] else { return nil }
        let isDrained = store.record.position.offset >= end(of: lane.partition)
        if isDrained, store.parked.isEmpty { return nil }
        return UnfinishedLane(lane: lane, isDrained: isDrained, users: Set(store.parked.values.map(\.userHash)))
    }

    /// What the users of a partition have in earlier generations since a time.
    func inherited(by partition: PartitionID, since time: Int64) -> InheritedMessages? {
        guard partition.generation > 0, flaw != .inheritsNothing else { return nil }
        let own = plan.generation(Int(partition.generation))
        var inherited = InheritedMessages(since: time)
        for older in source.closed where older.number < own.number {
            for place in older.partitionIDs(sharing: partition.number, of: own.partitions) {
                for chunk in chunks[place] ?? [] where chunk.sliceTime >= time {
                    for entry in chunk.entries where own.number(of: entry.userHash) == partition.number {
                        inherited.take(entry.messageHash, at: chunk.sliceTime, limit: .max)
                    }
                }
            }
        }
        return inherited
    }

    // MARK: Crashes

    /// What was committed so far is on the disk.
    func flush() { if flaw != .neverFlushes { unflushed = [] } }

    /// Ends every statement, and loses what was committed last without being flushed; gives whoever waits.
    func crash(_ random: inout some RandomNumberGenerator) -> [Client] {
        let clients = transactions.values.compactMap(\.client).sorted { ($0.node, $0.ticket) < ($1.node, $1.ticket) }
        transactions = [:]
        locked = []
        let kept = Int(random.next() % UInt64(unflushed.count + 1))
        for (lane, before) in unflushed[kept...].reversed() {
            stores[lane] = before
            reader.lost(lane)
            hasLost = true
        }
        unflushed = []
        return clients
    }
}
