package import EventModel
import PostgreSQL
import Synchronization

/// Finds the events whose message id was already accepted, once per partition for all lanes of the node.
///
/// The answer follows from the log alone, so every node and every replay gives the same one; memory only saves asking.
/// Where memory does not suffice for all, no partition is shortened below what an equal part of it allows, and what the
/// quiet ones leave goes to the busy ones.
///
/// - Owner: whoever runs the lanes of this node; `forget` when they run no more.
package final class DuplicateWindow: Sendable {
    private final class Partition: Sendable {
        let turn = Turn()
        /// Nil while somebody has taken them out.
        private let windows: Mutex<PartitionWindows?>
        /// The message ids that its windows hold memory for; also true while somebody has taken them out.
        let room = Atomic<Int>(0)
        /// The shortest of its windows, or `.max`.
        let shortened = Atomic<Int64>(.max)

        private let length: Int64

        init(length: Int64) {
            self.length = length
            windows = Mutex(PartitionWindows(length: length))
        }

        /// Takes the windows out: left inside they would be copied when changed.
        func take() -> PartitionWindows { windows.withLock { $0.take() } ?? PartitionWindows(length: length) }

        func put(_ windows: PartitionWindows) {
            self.windows.withLock {
                note(windows)
                $0 = windows
            }
        }

        /// Shortens windows that nobody has taken out until they fit into `share` together.
        func shorten(to share: Int) {
            windows.withLock { windows in
                windows?.shorten(to: share)
                if let windows { note(windows) }
            }
        }

        private func note(_ windows: PartitionWindows) {
            room.store(windows.room, ordering: .relaxed)
            shortened.store(windows.shortened, ordering: .relaxed)
        }
    }

    private let log: EventLog
    private let partitions = Mutex<[PartitionID: Partition]>([:])

    /// How many directories one read brings.
    static let directories = 256

    package init(_ log: EventLog) { self.log = log }

    /// The indexes of the chunk's events that repeat an earlier one, ascending; nearly always empty.
    package func duplicates(in chunk: Chunk) async throws(EventLogError) -> [Int] {
        let partition = partitions.withLock { partitions in
            if let known = partitions[chunk.partition] { return known }
            let new = Partition(length: log.settings.duplicateWindow.microseconds)
            partitions[chunk.partition] = new
            return new
        }
        await partition.turn.take()
        do throws(EventLogError) {
            let answer = try await answer(chunk, partition)
            keepToBudget()
            await partition.turn.give()
            return answer
        } catch {
            await partition.turn.give()
            throw error
        }
    }

    /// Forgets what is known of partitions whose lanes this node no longer runs.
    package func forget(allBut running: Set<PartitionID>) {
        partitions.withLock { $0 = $0.filter { running.contains($0.key) } }
    }

    /// The partitions whose window is shorter than set, because there is no memory for more, and how long it is.
    package var shortened: [PartitionID: Duration] {
        partitions.withLock { $0 }.compactMapValues { partition in
            let length = partition.shortened.load(ordering: .relaxed)
            return length == .max ? nil : .microseconds(length)
        }
    }

    /// How far back a repeated message id is found in every partition of this node.
    package var length: Duration { shortened.values.reduce(log.settings.duplicateWindow, min) }

    /// The message ids that memory is held for.
    var room: Int { partitions.withLock { $0.values.reduce(0) { $0 + $1.room.load(ordering: .relaxed) } } }

    private func answer(_ chunk: Chunk, _ partition: Partition) async throws(EventLogError) -> [Int] {
        // Nobody else has them while it is our turn.
        var windows = partition.take()
        defer { partition.put(windows) }
        do throws(EventLogError) {
            var step = windows.begin(chunk, limit: share(of: partition))
            while true {
                switch step {
                case .answer(let places): return places
                case .inheritance(let since):
                    let share = share(of: partition)
                    let inherited = try await log.inherited(
                        by: chunk.partition,
                        since: since,
                        until: chunk.sliceTime,
                        limit: share
                    )
                    step = windows.inherit(inherited, limit: share)
                case .directories(let from, let time):
                    let found = try await log.directories(
                        chunk.partition,
                        from: from,
                        notBefore: time,
                        below: chunk.firstOffset,
                        limit: Self.directories
                    )
                    let isAll = found.count < Self.directories
                    step = windows.take(found, isAll: isAll, limit: share(of: partition))
                }
            }
        } catch {
            windows.abandon()
            throw error
        }
    }

    /// The message ids that a partition may remember which could do with any number.
    private func share(of partition: Partition) -> Int {
        let others = partitions.withLock { $0.values.filter { $0 !== partition } }
        let rooms = others.map { $0.room.load(ordering: .relaxed) }
        return Self.share(of: log.settings.duplicateEntries, among: rooms + [.max])
    }

    /// Takes memory back from those who have more than their share, when others have come by theirs.
    private func keepToBudget() {
        let all = partitions.withLock { Array($0.values) }
        let rooms = all.map { $0.room.load(ordering: .relaxed) }
        guard rooms.reduce(0, +) > log.settings.duplicateEntries else { return }
        let share = Self.share(of: log.settings.duplicateEntries, among: rooms)
        for (partition, room) in zip(all, rooms) where room > share { partition.shorten(to: share) }
    }

    /// The most that anybody gets when `budget` is dealt out: those who want less than an equal part get all they want,
    /// and the others what is left in equal parts.
    static func share(of budget: Int, among wishes: [Int]) -> Int {
        var left = budget
        var count = wishes.count
        for wish in wishes.sorted() {
            guard wish < left / count else { return left / count }
            left -= wish
            count -= 1
        }
        return .max
    }
}
