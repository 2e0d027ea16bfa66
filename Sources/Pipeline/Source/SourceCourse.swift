import EventModel

/// How some events went through the transformations of their source together.
///
/// What came of them goes to all connections, and with it when that was and how long each transformation took.
package final class SourceCourse: Sendable {
    let offsets: [Int64]
    /// When it began, and when each of the transformations was done.
    /// - Unit: microseconds since 1970.
    let marks: [Int64]

    package init(offsets: [Int64], marks: [Int64]) {
        self.offsets = offsets
        self.marks = marks
    }

    /// How the transformation at `step` went; nil for an event that is none of these.
    func time(of step: Int, _ offset: Int64) -> StageTime? {
        guard step + 1 < marks.count, offsets.contains(offset) else { return nil }
        return StageTime(startedAt: marks[step], endedAt: marks[step + 1], events: offsets.count)
    }

    /// Whether it may be about one of the events between these two, both included.
    func mayHold(_ first: Int64, _ last: Int64) -> Bool {
        guard let low = offsets.first, let high = offsets.last else { return false }
        return low <= last && first <= high
    }
}

/// What one event was between the transformations of its source.
///
/// It is kept of events that are written down whatever becomes of them, and of some that failed there.
package struct SourcePassage: Sendable {
    /// What it was after each transformation that it passed; nil where that is not kept.
    package var outputs: [StageOutput?] = []
    /// Of how many parts of it each transformation was asked; nil where that is not kept.
    package var asked: [Int?] = []

    package init() {}

    /// What it holds, in bytes and about.
    var bytes: Int { outputs.reduce(0) { $0 + ($1?.bytes ?? 0) } }
}

/// A part that a transformation of the source dropped of an event of which something else goes on.
package struct SourceDrop: Sendable {
    /// The transformation's place among them.
    let step: Int
    /// The part's number when it was asked of it, and what it was.
    let part: Int
    let json: ArraySlice<UInt8>
    let reason: String

    /// What it holds, in bytes and about.
    var bytes: Int { json.count + reason.utf8.count }
}

/// What comes of events at the transformations of their source.
package struct SourceAnswer: Sendable {
    /// One for each event, in order.
    package var verdicts: [StageVerdict]
    /// How they went; in one course or several.
    package var courses: [SourceCourse] = []
    /// By the offsets of the events of which it is kept.
    package var passages: [Int64: SourcePassage] = [:]
    /// By the offsets of the events that lost a part and go on.
    package var drops: [Int64: [SourceDrop]] = [:]

    package init(verdicts: [StageVerdict]) { self.verdicts = verdicts }
}
