/// Something that waits for its next try while the other users of its lane go on.
package struct ParkedItem: Equatable, Sendable {
    package var offset: Int64
    /// The time of the chunk that holds the event.
    /// - Unit: microseconds since 1970.
    package var sliceTime: Int64
    /// Which part; nil for a whole event, which is read from the log again.
    package var part: Int?
    package var userHash: UInt64
    /// The part as transformed, in memory of its own; nil for a whole event.
    package var payload: [UInt8]?
    /// Tries so far that count: not those while the destination was down.
    package var attempts: Int
    /// When the first of them was, as if it had waited for nothing but its own delays since; see ``waited``.
    /// - Unit: microseconds since 1970.
    package var since: Int64
    /// When the next one is; 0 for an event that only waits behind an earlier one.
    /// - Unit: microseconds since 1970.
    package var dueAt: Int64
    /// When the event was accepted.
    /// - Unit: microseconds since 1970.
    package var receivedAt: Int64
    /// Why the last try failed, and what the destination said to it.
    package var code: String
    package var answer: String
    /// Answers 429 while others were served.
    package var ownThrottles: Int

    package init(
        offset: Int64,
        sliceTime: Int64,
        part: Int? = nil,
        userHash: UInt64,
        payload: [UInt8]? = nil,
        attempts: Int = 0,
        since: Int64,
        dueAt: Int64 = 0,
        receivedAt: Int64,
        code: String = "",
        answer: String = "",
        ownThrottles: Int = 0
    ) {
        self.offset = offset
        self.sliceTime = sliceTime
        self.part = part
        self.userHash = userHash
        self.payload = payload
        self.attempts = attempts
        self.since = since
        self.dueAt = dueAt
        self.receivedAt = receivedAt
        self.code = code
        self.answer = answer
        self.ownThrottles = ownThrottles
    }

    /// Whether it was never tried and only waits behind an earlier event.
    package var isFollower: Bool { part == nil && attempts == 0 }

    /// How long it will have waited out its own delays when it is due.
    ///
    /// Neither an outage nor a stop of the server is part of it.
    package var waited: Duration { .microseconds(max(0, dueAt - since)) }

    package var key: ParkedKey { ParkedKey(offset: offset, part: part) }
    fileprivate var order: (Int64, Int) { (offset, part ?? -1) }
}

/// Names a parked item within its lane.
package struct ParkedKey: Hashable, Sendable {
    package let offset: Int64
    package let part: Int?

    package init(offset: Int64, part: Int?) {
        self.offset = offset
        self.part = part
    }
}

/// What a lane has set aside, user by user, in the order of the log.
///
/// A user is parked as long as anything of theirs waits here or is being tried again from here; their new events join
/// the queue. Only the head of a queue is ever taken up, so the order within a user holds whatever happens. Where events
/// of a user need not wait for each other, each event has a queue of its own.
struct Parking {
    private struct Queue {
        /// Sorted by offset and part.
        var items: [ParkedItem] = []
        /// Something that was taken from it is still on its way.
        var isBusy = false
    }

    private var queues: [UInt64: Queue] = [:]
    /// Heads by due time, the earliest last; some are out of date and found out when they come up.
    private var alarms: [(at: Int64, user: UInt64)] = []
    /// Users whose head lies beyond what was read since the lane was taken up again.
    private var early: [(offset: Int64, user: UInt64)] = []
    private(set) var count = 0
    private(set) var bytes = 0
    /// Users of whom something is parked in another lane, which comes before everything here.
    private(set) var held: Set<UInt64> = []
    /// Whether events of a user wait for each other.
    private(set) var isOrdered = true

    init(_ items: [ParkedItem] = []) {
        for item in items { insert(item) }
    }

    /// What waits in one queue: a user's events, or the parts of one event.
    func line(user: UInt64, offset: Int64) -> UInt64 {
        isOrdered ? user : (UInt64(bitPattern: offset) &+ 1) &* 0x9E37_79B9_7F4A_7C15
    }

    private func line(_ item: ParkedItem) -> UInt64 { line(user: item.userHash, offset: item.offset) }

    /// Puts what waits into other queues; nothing that was taken from here may be on its way.
    mutating func setOrder(_ isOrdered: Bool) {
        guard isOrdered != self.isOrdered else { return }
        let items = queues.values.flatMap(\.items).sorted { $0.order < $1.order }
        let held = held
        self = Parking()
        self.held = held
        self.isOrdered = isOrdered
        for item in items { insert(item) }
    }

    var isEmpty: Bool { queues.isEmpty && held.isEmpty }
    func isParked(_ user: UInt64) -> Bool { queues[user] != nil || held.contains(user) }

    /// Whether something of the user waits that is earlier than `offset`.
    func isBehind(_ offset: Int64, user: UInt64) -> Bool {
        queues[user]?.items.first.map { $0.offset < offset } ?? false
    }

    /// Takes nothing up of these users; of those that were held before and are no more, it does again.
    mutating func hold(_ users: Set<UInt64>) {
        let freed = held.subtracting(users)
        held = users
        // In an order of their own, so that the same lane always does the same.
        for user in freed.sorted() {
            if let queue = queues[user], !queue.isBusy, let head = queue.items.first { setAlarm(head.dueAt, user) }
        }
    }

    mutating func insert(_ item: ParkedItem) {
        let line = line(item)
        var queue = queues.removeValue(forKey: line) ?? Queue()
        var place = queue.items.count
        while place > 0, queue.items[place - 1].order > item.order { place -= 1 }
        queue.items.insert(item, at: place)
        count += 1
        bytes += item.payload?.count ?? 0
        if place == 0, !queue.isBusy { setAlarm(item.dueAt, line) }
        queues[line] = queue
    }

    /// When the next head is due.
    /// - Unit: microseconds since 1970.
    var nextDue: Int64? { alarms.last?.at }

    /// Notes how far the lane has read: what was due and lay beyond may be taken up.
    mutating func reach(_ read: Int64) {
        guard !early.isEmpty else { return }
        for entry in early where entry.offset < read { setAlarm(0, entry.user) }
        early.removeAll { $0.offset < read }
    }

    /// Takes up what is due: a part alone, or whole events that only wait, up to `limit`.
    ///
    /// Only what lies below `read` is taken: after a crash an earlier event of the user may have to be read again first.
    mutating func take(at now: Int64, read: Int64, limit: Int) -> [ParkedItem] {
        reach(read)
        var taken = takeOne(at: now, read: read, limit: limit)
        guard !isOrdered, taken.first?.isFollower == true else { return taken }
        // They waited behind others when that was asked for, and go together now.
        while taken.count < limit, isNextFollower(at: now, read: read) {
            taken += takeOne(at: now, read: read, limit: 1)
        }
        return taken.sorted { $0.order < $1.order }
    }

    private func isNextFollower(at now: Int64, read: Int64) -> Bool {
        guard let alarm = alarms.last, alarm.at <= now, !held.contains(alarm.user), let queue = queues[alarm.user],
            !queue.isBusy, let head = queue.items.first
        else { return false }
        return head.isFollower && head.offset < read && head.dueAt <= now
    }

    private mutating func takeOne(at now: Int64, read: Int64, limit: Int) -> [ParkedItem] {
        while let alarm = alarms.last, alarm.at <= now {
            alarms.removeLast()
            // The alarm is set again when they are held no more.
            if held.contains(alarm.user) { continue }
            guard var queue = queues.removeValue(forKey: alarm.user) else { continue }
            var taken: [ParkedItem] = []
            if !queue.isBusy, let head = queue.items.first {
                if head.offset >= read {
                    early.append((head.offset, alarm.user))
                } else if head.dueAt > now {
                    setAlarm(head.dueAt, alarm.user)
                } else if !head.isFollower {
                    taken = [head]
                } else {
                    // What was tried before is tried alone; what only waits is taken up together.
                    taken = Array(queue.items.prefix(limit).prefix { $0.isFollower && $0.offset < read })
                }
            }
            queue.items.removeFirst(taken.count)
            queue.isBusy = queue.isBusy || !taken.isEmpty
            queues[alarm.user] = queue
            count -= taken.count
            for item in taken { bytes -= item.payload?.count ?? 0 }
            if !taken.isEmpty { return taken }
        }
        return []
    }

    /// What was taken up is no longer on its way ahead of its queue.
    mutating func release(_ item: ParkedItem) { release(line(item)) }

    /// The same for all that was taken up from a queue.
    mutating func release(_ user: UInt64) {
        guard var queue = queues.removeValue(forKey: user) else { return }
        guard let head = queue.items.first else { return }
        queue.isBusy = false
        queues[user] = queue
        setAlarm(head.dueAt, user)
    }

    private mutating func setAlarm(_ at: Int64, _ user: UInt64) {
        var low = 0
        var high = alarms.count
        while low < high {
            let middle = (low + high) / 2
            if alarms[middle].at > at { low = middle + 1 } else { high = middle }
        }
        alarms.insert((at, user), at: low)
    }
}
