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
        /// The newest first; more than one only while somebody reads far behind the others.
        let windows = Mutex<[MessageWindow]>([])
        /// The message ids that its windows hold memory for; also true while somebody has taken them out.
        let room = Atomic<Int>(0)
        /// The shortest of its windows, or `.max`.
        let shortened = Atomic<Int64>(.max)

        func put(_ windows: [MessageWindow]) {
            self.windows.withLock {
                $0 = windows
                note($0)
            }
        }

        /// Shortens windows that nobody has taken out until they fit into `share` together.
        func shorten(to share: Int) {
            windows.withLock { windows in
                guard !windows.isEmpty else { return }
                for index in windows.indices { windows[index].makeRoom(share / windows.count) }
                note(windows)
            }
        }

        private func note(_ windows: [MessageWindow]) {
            room.store(windows.reduce(0) { $0 + $1.room }, ordering: .relaxed)
            shortened.store(windows.compactMap(\.shortened).min() ?? .max, ordering: .relaxed)
        }
    }

    private let log: EventLog
    private let partitions = Mutex<[PartitionID: Partition]>([:])

    /// How many places of one partition are remembered at a time.
    private static let places = 2
    /// How many directories one read brings.
    static let directories = 256

    package init(_ log: EventLog) { self.log = log }

    /// The indexes of the chunk's events that repeat an earlier one, ascending; nearly always empty.
    package func duplicates(in chunk: Chunk) async throws(EventLogError) -> [Int] {
        let partition = partitions.withLock { partitions in
            if let known = partitions[chunk.partition] { return known }
            let new = Partition()
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
        var windows = partition.windows.withLock { $0 }
        // The windows are ours alone while it is our turn: left inside they would be copied when changed.
        if let known = windows.first(where: { $0.knows(firstOffset: chunk.firstOffset, count: chunk.count) }) {
            return known.answers(firstOffset: chunk.firstOffset, count: chunk.count)
        }
        partition.windows.withLock { $0 = [] }
        defer { partition.put(windows) }
        let index = windows.firstIndex { $0.from <= chunk.firstOffset && $0.next <= chunk.firstOffset }
        let known = index.map { windows.remove(at: $0) }
        var window = if let known { known } else { try await begin(at: chunk, share(of: partition)) }
        defer {
            windows.insert(window, at: 0)
            if windows.count > Self.places { windows.removeLast() }
        }
        let parts = min(windows.count + 1, Self.places)
        let from = window.from
        if window.next < chunk.firstOffset {
            try await catchUp(&window, to: chunk, limit: share(of: partition) / parts)
        }
        // Chunks were left out that are too old for this one, but not for those on the way to it.
        if window.from > from { window.forgetAnswers(before: chunk.firstOffset) }
        window.take(
            firstOffset: chunk.firstOffset,
            time: chunk.sliceTime,
            chunk.entries,
            limit: share(of: partition) / parts
        )
        return window.answers(firstOffset: chunk.firstOffset, count: chunk.count)
    }

    /// A window that knows what earlier generations have for it, and nothing yet of the chunk's own partition.
    private func begin(at chunk: Chunk, _ share: Int) async throws(EventLogError) -> MessageWindow {
        let length = log.settings.duplicateWindow.microseconds
        let inherited = try await log.inherited(
            by: chunk.partition,
            since: chunk.sliceTime - length,
            until: chunk.sliceTime,
            limit: share
        )
        return MessageWindow(length: length, from: chunk.firstOffset, inherited: inherited)
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

    /// Takes the directories between the window's end, or its beginning in time, and the chunk.
    private func catchUp(
        _ window: inout MessageWindow,
        to chunk: Chunk,
        limit: @autoclosure () -> Int
    ) async throws(EventLogError) {
        var time = chunk.sliceTime - window.length
        while true {
            let found = try await log.directories(
                chunk.partition,
                from: max(window.next, 0),
                notBefore: time,
                below: chunk.firstOffset,
                limit: Self.directories
            )
            for directory in found {
                if let entries = directory.entries {
                    window.take(
                        firstOffset: directory.firstOffset,
                        time: directory.sliceTime,
                        entries,
                        limit: limit()
                    )
                } else {
                    window.pass(firstOffset: directory.firstOffset, time: directory.sliceTime, count: directory.count)
                }
                time = directory.sliceTime
            }
            if found.count < Self.directories { return }
        }
    }
}
