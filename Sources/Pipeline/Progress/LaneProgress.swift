package import Conditions
package import EventModel

/// How far a lane has come: a position, the exceptions beyond it, and the exact counts of everything that is settled.
///
/// An event is counted when it is settled and not before, together with its place, so every state of this value may be
/// committed and both equations of ``EventModel/Counts`` hold in it.
package struct LaneProgress: Equatable, Sendable {
    /// Every event below it is settled.
    package private(set) var position: Int64
    package private(set) var counts: Counts
    /// Of what was filtered and dropped.
    package private(set) var reasons: ReasonCounts
    /// Events that left the log before they were read.
    package private(set) var expired: Int64
    /// Bits of settled events from `base` on; the first word holds the position.
    private var words: [UInt64]
    /// The offset of the first bit; a multiple of 64.
    private var base: Int64

    /// How far beyond the position an event may be settled, in events.
    package static let reach: Int64 = 32 * 1024

    /// A lane that was committed with these values; `beyond` has the shape of the property.
    package init(
        position: Int64 = 0,
        beyond: [UInt8] = [],
        counts: Counts = Counts(),
        reasons: ReasonCounts = ReasonCounts(),
        expired: Int64 = 0
    ) {
        self.position = position
        self.counts = counts
        self.reasons = reasons
        self.expired = expired
        base = position & ~63
        words = [0]
        for (index, byte) in beyond.enumerated() where byte != 0 {
            for bit in 0..<8 where byte & (1 << bit) != 0 { _ = mark(position + Int64(index * 8 + bit)) }
        }
        advance()
    }

    /// Settled events beyond the position.
    ///
    /// - Shape: bit `i`, counted from the lowest of the first byte, stands for offset `position + i`; no zero bytes at
    ///   the end.
    package var beyond: [UInt8] {
        let shift = UInt64(position - base)
        var bytes: [UInt8] = []
        for index in words.indices {
            let next = index + 1 < words.count && shift > 0 ? words[index + 1] << (64 - shift) : 0
            let word = words[index] >> shift | next
            for byte in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(byte * 8))) }
        }
        while bytes.last == 0 { bytes.removeLast() }
        return bytes
    }

    package func isSettled(_ offset: Int64) -> Bool {
        guard offset >= position else { return true }
        let (index, bit) = place(of: offset)
        return index < words.count && words[index] & bit != 0
    }

    /// Settles one event with what it adds to the counts; false if it was settled before, and then nothing changes.
    @discardableResult
    package mutating func settle(_ offset: Int64, _ more: Counts) -> Bool {
        guard mark(offset) else { return false }
        counts += more
        if offset == position { advance() }
        return true
    }

    /// Counts something that happened to an event that is settled already.
    package mutating func count(_ more: Counts) { counts += more }

    /// Notes why the connection did not want an event that was just counted.
    package mutating func note(_ exclusion: Exclusion) { reasons.count(exclusion.rawValue) }

    /// Notes why a plugin dropped an event that was just counted.
    package mutating func note(droppedBy plugin: String, reason: String) {
        reasons.count(droppedBy: plugin, reason: reason)
    }

    /// Notes why a plugin dropped a part of an event that was just counted, and of which something else goes on.
    package mutating func note(partDroppedBy plugin: String, reason: String) {
        reasons.count(partDroppedBy: plugin, reason: reason)
    }

    /// Counts as gone those of the events that are not settled; false if there are too many to be noted beside what is on
    /// its way.
    package mutating func expire(_ offsets: Range<Int64>) -> Bool {
        guard let passed = pass(offsets) else { return false }
        expired += passed
        return true
    }

    /// The same for events that a replay does not send: they count as filtered.
    mutating func filter(_ offsets: Range<Int64>) -> Bool {
        guard let passed = pass(offsets) else { return false }
        counts.read += passed
        counts.filtered += passed
        reasons.count(Exclusion.replay.rawValue, passed)
        return true
    }

    /// Settles those of the events that are not settled and says how many these were, to be counted at once; nil if there
    /// are too many to be noted beside what is on its way.
    private mutating func pass(_ offsets: Range<Int64>) -> Int64? {
        guard offsets.lowerBound <= position else {
            guard offsets.upperBound - position < Self.reach else { return nil }
            return offsets.reduce(0) { $0 + (settle($1, Counts()) ? 1 : 0) }
        }
        guard offsets.upperBound > position else { return 0 }
        let known = position..<base + Int64(words.count) * 64
        let settled = known.filter(isSettled)
        let passed = offsets.upperBound - position - Int64(settled.count { $0 < offsets.upperBound })
        self = LaneProgress(position: offsets.upperBound, counts: counts, reasons: reasons, expired: expired)
        for offset in settled { _ = mark(offset) }
        advance()
        return passed
    }

    /// Counts an event as gone that waited to be read again.
    package mutating func countExpired() { expired += 1 }

    private func place(of offset: Int64) -> (Int, UInt64) {
        let distance = offset - base
        return (Int(distance >> 6), 1 << UInt64(distance & 63))
    }

    private mutating func mark(_ offset: Int64) -> Bool {
        guard offset >= position, offset - position < Self.reach else { return false }
        let (index, bit) = place(of: offset)
        while words.count <= index { words.append(0) }
        guard words[index] & bit == 0 else { return false }
        words[index] |= bit
        return true
    }

    /// Moves the position to the first event that is not settled.
    private mutating func advance() {
        var passed = 0
        while true {
            let distance = position - base
            let index = Int(distance >> 6)
            guard index < words.count else { break }
            let rest = ~words[index] >> UInt64(distance & 63)
            guard rest == 0 else {
                position += Int64(rest.trailingZeroBitCount)
                break
            }
            position = base + Int64(index + 1) * 64
            passed = index + 1
        }
        if passed > 0 {
            words.removeFirst(min(passed, words.count))
            base += Int64(passed) * 64
            if words.isEmpty { words = [0] }
        }
    }
}
