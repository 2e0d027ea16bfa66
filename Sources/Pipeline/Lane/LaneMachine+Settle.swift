import Delivery
import EventModel

/// How parts and events come to their ends, and how what happened is committed.
extension LaneMachine {
    /// How a part ended for now.
    enum PartEnd {
        case delivered
        case dropped
        case dead(LaneDeadLetter)
        case waiting
    }

    /// Whether a part has not ended; false also when its portion is finished and forgotten.
    func isOpen(_ reference: PartReference) -> Bool {
        let index = reference.portion - firstPortion
        return index >= 0 && reference.part < portions[index].parts.count
            && portions[index].parts[reference.part].isOpen
    }

    /// One that has not ended.
    func part(_ reference: PartReference) -> LanePart {
        portions[reference.portion - firstPortion].parts[reference.part]
    }

    func user(of reference: PartReference) -> UInt64 {
        let index = reference.portion - firstPortion
        return portions[index].events[portions[index].parts[reference.part].event].userHash
    }

    /// What must not overtake each other: the events of a user, or, where those need not wait, the parts of one event.
    func line(of reference: PartReference) -> UInt64 {
        let index = reference.portion - firstPortion
        return line(index, portions[index].parts[reference.part].event)
    }

    func line(_ index: Int, _ event: Int) -> UInt64 {
        parking.line(user: portions[index].events[event].userHash, offset: portions[index].events[event].offset)
    }

    mutating func mutate(_ reference: PartReference, _ change: (inout LanePart) -> Void) {
        change(&portions[reference.portion - firstPortion].parts[reference.part])
    }

    func letter(
        _ reference: PartReference,
        stage: LaneDeadLetter.Stage,
        code: String,
        reason: String,
        attempts: [Attempt]
    ) -> LaneDeadLetter {
        let portion = portions[reference.portion - firstPortion]
        let part = portion.parts[reference.part]
        let event = portion.events[part.event]
        // Of a part that waited, its row has the event itself.
        let isKnown = if case .part = event.origin { false } else { true }
        let before = isKnown ? event.letters.first?.before ?? Array(event.json) : []
        return LaneDeadLetter(
            offset: event.offset,
            sliceTime: event.sliceTime,
            part: part.number,
            userHash: event.userHash,
            stage: stage,
            code: code,
            reason: reason,
            plugin: connector,
            before: before,
            after: isKnown && portion.chain.count == 1 ? nil : Array(part.json),
            attempts: attempts,
            tried: part.attempts
        )
    }

    /// Ends a part, and its event with its last part.
    mutating func end(_ reference: PartReference, _ end: PartEnd) {
        let index = reference.portion - firstPortion
        guard isOpen(reference) else { return }
        if outcomes != nil { note(reference, end) }
        let event = portions[index].parts[reference.part].event
        portions[index].parts[reference.part].isOpen = false
        portions[index].events[event].open -= 1
        switch end {
        case .delivered: portions[index].events[event].delivered += 1
        case .dropped: break
        case .dead(let letter): portions[index].events[event].letters.append(letter)
        case .waiting: portions[index].events[event].waiting += 1
        }
        if portions[index].events[event].open == 0 { finishEvent(index, event) }
    }

    /// Settles an event whose parts have all ended, or of which nothing was left.
    mutating func finishEvent(_ index: Int, _ event: Int) {
        var counts = Counts()
        counts.delivered = Int64(portions[index].events[event].delivered)
        counts.deadLettered = Int64(portions[index].events[event].letters.count)
        counts.waiting = Int64(portions[index].events[event].waiting)
        counts.emitted = counts.delivered + counts.deadLettered + counts.waiting
        if case .part(let item) = portions[index].events[event].origin {
            // It was counted as emitted and waiting when it was parked; of these two, what it is now takes the place.
            counts.waiting -= 1
            counts.emitted -= 1
            let isOver = portions[index].events[event].waiting == 0
            traceEnd(index, event, counts)
            settle(index, event, counts)
            if isOver { changes.release(item) }
            parking.release(item)
            return
        }
        counts.read = 1
        if counts.emitted == 0 { counts.dropped = 1 } else { counts.transformed = 1 }
        traceEnd(index, event, counts)
        settle(index, event, counts)
    }

    /// Settles an event that failed as a whole.
    mutating func finishFailed(_ index: Int, _ event: Int) {
        var counts = Counts()
        counts.read = 1
        counts.failed = 1
        settle(index, event, counts)
    }

    /// An event that was parked as an offset is no longer in the log; it was never read, so it has expired.
    mutating func expire(_ index: Int, _ event: Int) {
        progress.countExpired()
        settle(index, event, Counts())
    }

    /// An event that was parked as an offset lies in a damaged chunk.
    mutating func failUnread(_ index: Int, _ event: Int, _ reason: String) {
        let subject = portions[index].events[event]
        portions[index].events[event].letters = [
            .unread(subject.offset, sliceTime: subject.sliceTime, userHash: subject.userHash, reason)
        ]
        if outcomes != nil {
            note(subject, TailFate(.deadLettered, code: "corrupt_chunk", reason: reason), isEarly: true)
        }
        finishFailed(index, event)
    }

    /// An event that lies in a damaged chunk fails when it is reached.
    mutating func failUnread(_ event: LaneEvent, _ reason: String) {
        var counts = Counts()
        counts.read = 1
        counts.failed = 1
        guard progress.settle(event.offset, counts) else { return }
        changes.bury([.unread(event.offset, sliceTime: event.sliceTime, userHash: event.userHash, reason)])
        changes.settled += 1
    }

    private mutating func settle(_ index: Int, _ event: Int, _ counts: Counts) {
        var isCounted = true
        switch portions[index].events[event].origin {
        case .log: isCounted = progress.settle(portions[index].events[event].offset, counts)
        case .follower(let item):
            changes.release(item)
            progress.count(counts)
        case .part: progress.count(counts)
        }
        if isCounted { countDrops(index, event, counts) }
        changes.bury(portions[index].events[event].letters)
        leave(index, event)
    }

    /// Counts why an event was dropped, or which parts of it were of which something else goes on.
    ///
    /// What was dropped of an event that failed counts for nothing: it is gone through again when it is taken up.
    private mutating func countDrops(_ index: Int, _ event: Int, _ counts: Counts) {
        let drops = portions[index].drops[event] ?? []
        if counts.dropped > 0 {
            progress.note(droppedBy: drops.last?.plugin ?? connector.id, reason: drops.last?.reason ?? "")
        } else if counts.failed == 0 {
            for drop in drops { progress.note(partDroppedBy: drop.plugin, reason: drop.reason) }
            changes.droppedParts += drops.count
        }
    }

    /// Takes an event out of the portion: whatever becomes of it is decided elsewhere or done.
    mutating func leave(_ index: Int, _ event: Int) {
        changes.settled += 1
        if traces.kept > 0, isKept(index, event) { traces.kept -= 1 }
        portions[index].events[event].state = .done
        portions[index].events[event].letters = []
        portions[index].live -= 1
        inFlightEvents -= 1
        inFlightBytes -= portions[index].events[event].heldBytes
        portions[index].events[event].heldBytes = 0
        giveBack(index)
    }

    /// Frees what a finished portion held, though earlier ones keep it in its place.
    mutating func giveBack(_ index: Int) {
        guard portions[index].live == 0, portions[index].isPlaced else { return }
        portions[index].events = []
        portions[index].parts = []
        portions[index].built = []
        portions[index].asked = nil
        portions[index].drops = [:]
        portions[index].forgetPassed()
        portions[index].sends = [:]
    }

    /// Whether there is something to commit.
    package var isChanged: Bool { !changes.isEmpty }

    /// What is to be committed; the next one holds what happened after it.
    package mutating func takeCheckpoint() -> LaneCheckpoint {
        defer { changes = LaneChanges() }
        return LaneCheckpoint(
            position: progress.position,
            beyond: progress.beyond,
            counts: progress.counts,
            reasons: progress.reasons,
            expired: progress.expired,
            parked: changes.parked,
            pasts: changes.pasts,
            released: changes.released,
            deadLetters: changes.deadLetters,
            chains: chain.takeRows(),
            traces: changes.traces,
            droppedParts: changes.droppedParts
        )
    }
}

extension LaneDeadLetter {
    /// Of an event whose body cannot be read from the log any more.
    fileprivate static func unread(_ offset: Int64, sliceTime: Int64, userHash: UInt64, _ reason: String) -> Self {
        LaneDeadLetter(
            offset: offset,
            sliceTime: sliceTime,
            part: nil,
            userHash: userHash,
            stage: .read,
            code: "corrupt_chunk",
            reason: reason,
            plugin: PluginLabel(id: "", version: ""),
            before: [],
            after: nil,
            attempts: []
        )
    }
}
