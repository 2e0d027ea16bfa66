import EventJSON
import EventModel

/// What a condition can say of an event without its text, from the directory of its chunk.
///
/// The directory has an event's type and the hash of a track call's name. From these a condition such as
/// `type == "track" && event in ["Order Completed"]` rejects most events before a chunk is even inflated.
///
/// - Shape: the condition's program with an answer for each of its tests; asking allocates nothing.
package struct Prefilter: Sendable {
    /// What is known of a condition's answer.
    package enum Answer: Sendable {
        case holds, fails
        /// The event's text must be asked.
        case open
    }

    /// What one test asks of the directory.
    private enum Question: Sendable {
        /// The types for which the answer is yes, one bit each.
        case type(UInt16)
        /// The hashes of the names for which the answer may be yes; for others of a track call it is no.
        case name([UInt64])
        case unknown
    }

    private let program: Program
    private let questions: [Question]
    /// Whether the directory can say anything at all.
    package let isUseful: Bool

    /// What `condition` can say; `hash` is the one that the directory has of a name.
    package init(_ condition: Condition, hash: ([UInt8]) -> UInt64) {
        program = condition.program
        questions = condition.program.tests.map { Self.question($0, in: condition.program, hash) }
        isUseful = questions.contains { if case .unknown = $0 { false } else { true } }
    }

    /// What the directory says of an event of `type`; the name's hash is 0 where there is none.
    package func answer(type: UInt8, nameHash: UInt64) -> Answer {
        guard isUseful else { return .open }
        // A condition is all of "all" and "any" once its negations stand at its tests. So it fails for sure if it fails
        // with every open test answered in its favour, and holds for sure if it holds with none.
        if !answer(type, nameHash, whenOpen: true) { return .fails }
        return answer(type, nameHash, whenOpen: false) ? .holds : .open
    }

    private func answer(_ type: UInt8, _ nameHash: UInt64, whenOpen: Bool) -> Bool {
        program.answer(whenOpen: whenOpen) { test in
            switch questions[test] {
            case .type(let yes): return EventType(rawValue: type).map { yes >> $0.rawValue & 1 == 1 }
            case .name(let hashes):
                guard type == EventType.track.rawValue else { return nil }
                for hash in hashes where hash == nameHash { return nil }
                return false
            case .unknown: return nil
            }
        }
    }

    private static func question(_ test: Program.Test, in program: Program, _ hash: ([UInt8]) -> UInt64) -> Question {
        guard test.path.count == 1, case .member(let name) = program.steps[test.path.lowerBound] else {
            return .unknown
        }
        let member = program.bytes[name]
        if member.elementsEqual("type".utf8) {
            return .type(
                EventType.allCases.reduce(0) { $0 | (holds(test, in: program, $1) ? 1 << $1.rawValue : 0) }
            )
        }
        guard member.elementsEqual("event".utf8), test.verb == .equal || test.verb == .among else { return .unknown }
        // An event whose name is no text has the hash 0.
        return .name(
            program.values[test.values].map { value in
                if case .text(let text) = value { hash(Array(program.bytes[text])) } else { 0 }
            }
        )
    }

    /// Whether a test of the type holds for an event of this one.
    private static func holds(_ test: Program.Test, in program: Program, _ type: EventType) -> Bool {
        var tape = JSONTape()
        guard (try? tape.parse(Array("{\"type\":\"\(type.name)\"}".utf8))) != nil else { return false }
        return program.holds(test, for: tape.root, in: tape)
    }
}
