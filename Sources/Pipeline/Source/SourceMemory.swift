import EventModel
import WorkerProtocol

/// What the transformations of a source made of events, for the lanes that come to the same events a little later.
///
/// It keeps what some lane has still to take, and not for ever: what was kept longest goes first when there is too much.
struct SourceMemory {
    /// What is known of an event.
    enum Knowledge {
        /// With what stood between the transformations, if that is kept, and what was dropped of it.
        case verdict(StageVerdict, SourcePassage?, [SourceDrop])
        /// Somebody is at it.
        case underWay(SourceRun)
        case nothing
    }

    private struct Kept {
        let verdict: StageVerdict
        var bytes: Int
        /// How many lanes have not taken it.
        var takers: Int
    }

    /// How many lanes go through the same transformations of the same partition.
    var lanes = 1
    private var kept: [Int64: Kept] = [:]
    /// What is kept in the order in which it came, and what is no longer among it.
    private var order: [Int64] = []
    private var firstInOrder = 0
    private var underWay: [Int64: SourceRun] = [:]
    /// What stood between the transformations, of the events of which it is kept.
    private var passages: [Int64: SourcePassage] = [:]
    /// What was dropped of the events of which something goes on.
    private var drops: [Int64: [SourceDrop]] = [:]
    /// How what is kept went; the latest.
    private var courses: [SourceCourse] = []
    private(set) var bytes = 0
    private var foremost: Int64 = 0
    private let limit: Int

    /// Keeps as many bytes.
    init(limit: Int) { self.limit = limit }

    /// What an entry takes besides the bytes of its parts, about.
    private static let entryBytes = 128
    /// How far behind the foremost event one is kept, in events; who is farther behind is alone.
    static let reach: Int64 = 32 * 1024
    /// Of how many runs it is known how long they took.
    static let mostCourses = 64

    /// What is known of an event; what is known to the last lane that wanted it is forgotten.
    mutating func take(_ offset: Int64) -> Knowledge {
        if let run = underWay[offset] { return .underWay(run) }
        guard var one = kept[offset] else { return .nothing }
        one.takers -= 1
        let passage = passages.isEmpty ? nil : passages[offset]
        let dropped = drops.isEmpty ? [] : drops[offset] ?? []
        if one.takers > 0 { kept[offset] = one } else { forget(offset) }
        return .verdict(one.verdict, passage, dropped)
    }

    /// How events between these two went, both included.
    func courses(between first: Int64, _ last: Int64) -> [SourceCourse] {
        courses.filter { $0.mayHold(first, last) }
    }

    /// Notes that somebody is at these.
    mutating func begin(_ run: SourceRun, _ offsets: [Int64]) {
        for offset in offsets { underWay[offset] = run }
    }

    /// Notes what came of them, in the order of the offsets; without verdicts it came to nothing.
    mutating func end(_ offsets: [Int64], _ answer: SourceAnswer) {
        for offset in offsets { underWay[offset] = nil }
        guard lanes > 1 else { return }
        for (offset, verdict) in zip(offsets, answer.verdicts) { keep(offset, verdict) }
        for (offset, passage) in answer.passages where kept[offset] != nil { keep(offset, passage) }
        for (offset, dropped) in answer.drops where kept[offset] != nil { keep(offset, dropped) }
        courses += answer.courses
        if courses.count > Self.mostCourses { courses.removeFirst(courses.count - Self.mostCourses) }
        while bytes > limit, firstInOrder < order.count { forget(order[firstInOrder]) }
        tidy()
    }

    private mutating func keep(_ offset: Int64, _ verdict: StageVerdict) {
        foremost = max(foremost, offset)
        guard offset > foremost - Self.reach, kept[offset] == nil, let bytes = verdict.keptBytes else { return }
        kept[offset] = Kept(verdict: verdict, bytes: bytes + Self.entryBytes, takers: lanes - 1)
        self.bytes += bytes + Self.entryBytes
        order.append(offset)
    }

    private mutating func keep(_ offset: Int64, _ passage: SourcePassage) {
        guard passages[offset] == nil else { return }
        passages[offset] = passage
        kept[offset]?.bytes += passage.bytes
        bytes += passage.bytes
    }

    private mutating func keep(_ offset: Int64, _ dropped: [SourceDrop]) {
        guard drops[offset] == nil else { return }
        drops[offset] = dropped
        let more = dropped.reduce(0) { $0 + $1.bytes }
        kept[offset]?.bytes += more
        bytes += more
    }

    private mutating func forget(_ offset: Int64) {
        if let gone = kept.removeValue(forKey: offset) { bytes -= gone.bytes }
        if !passages.isEmpty { passages[offset] = nil }
        if !drops.isEmpty { drops[offset] = nil }
        while firstInOrder < order.count, kept[order[firstInOrder]] == nil { firstInOrder += 1 }
    }

    /// Lets go of the front of the order, now and then.
    private mutating func tidy() {
        while firstInOrder < order.count, kept[order[firstInOrder]] == nil { firstInOrder += 1 }
        guard firstInOrder > order.count / 2 else { return }
        order.removeFirst(firstInOrder)
        firstInOrder = 0
    }
}

extension StageVerdict {
    /// What keeping it takes; nil for what is to be asked anew.
    fileprivate var keptBytes: Int? {
        guard case .judged(let word, _, let input) = self else { return 0 }
        switch word {
        case .emit(let parts): return parts.reduce(0) { $0 + $1.count }
        case .requested: return 0
        case .drop(let reason): return reason.utf8.count
        case .fail(_, let message, let disposition):
            if case .retry = disposition { return nil }
            return message.utf8.count + (input?.count ?? 0)
        }
    }
}
