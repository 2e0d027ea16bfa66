import EventLog
import EventModel

/// What a connection was sent of an event, out of what became of it there.
extension ReplayEarlier {
    /// `letters` are the event's dead letters at the connection.
    init(_ told: EventConsumer, _ event: PathPayload, _ letters: [DeadLetterRecord]) {
        self.init(basis: .unknown, outcome: told.outcome, reason: told.note ?? "")
        plugins = told.plugins
        guard told.wasGiven else {
            if told.outcome != "unknown" { basis = .notSent }
            reason = Self.reason(told)
            return
        }
        var given: (parts: [PathPayload], count: Int) = told.given.map { $0.given(event) } ?? ([], 0)
        basis = told.given.map { $0.basis == .recorded ? .recorded : .recomputed } ?? .unknown
        if basis != .recorded { take(letters, event, into: &given) }
        parts = given.parts
        isWhole = basis != .unknown && given.parts.count == given.count && given.parts.allSatisfy(\.isWhole)
        if basis == .unknown, reason.isEmpty { reason = "what it was sent is not on record" }
        if basis != .unknown, !isWhole, reason.isEmpty { reason = "not all of what was sent is kept" }
    }

    /// Why nothing was sent.
    private static func reason(_ told: EventConsumer) -> String {
        switch told.outcome {
        case "unread": return told.note ?? "it was not read yet"
        case "earlier": return told.note ?? "it was accepted before the connection was made"
        case "unknown": return told.note ?? "nothing is known of the connection's reading of its partition"
        case "parked": return told.parked.first.map { "it waits: \($0.code)" } ?? "it waits"
        default: break
        }
        if let letter = told.deadLetters.last { return "\(letter.code): \(letter.reason)" }
        let why = [told.passes.last?.code, told.passes.last?.reason].compactMap { $0 }.joined(separator: ": ")
        return [why, told.note ?? ""].filter { !$0.isEmpty }.joined(separator: "; ")
    }

    /// Puts what dead letters kept of parts in the place of what was worked out again: they hold them as they were.
    private mutating func take(
        _ letters: [DeadLetterRecord],
        _ event: PathPayload,
        into given: inout (parts: [PathPayload], count: Int)
    ) {
        var kept: [Int: PathPayload] = [:]
        for letter in letters where ["connect", "deliver"].contains(letter.report.stage) {
            guard let part = letter.report.id.part else { continue }
            kept[part] = letter.transformed.map { PathPayload($0) } ?? event
        }
        guard !kept.isEmpty else { return }
        if basis == .unknown {
            // How many others there were nobody knows.
            given.parts = (0..<kept.count).compactMap { kept[$0] }
            guard given.parts.count == kept.count else { return given.parts = [] }
            given.count = kept.count + 1
            basis = .recorded
            reason = "only the parts that died are on record"
            return
        }
        for (part, payload) in kept where part < given.parts.count { given.parts[part] = payload }
        if kept.count == given.count { basis = .recorded }
    }

    /// Notes how what would be sent now differs from what was.
    mutating func compare(with now: [PathPayload]) {
        guard basis == .recorded || basis == .recomputed else { return }
        let compared = isWhole ? now : Array(now.prefix(parts.count))
        isWhole = isWhole && now.allSatisfy(\.isWhole)
        differences = (0..<max(parts.count, compared.count)).map { part in
            guard part < parts.count else {
                return [PathDifference(pointer: "", before: nil, after: compared[part].text)]
            }
            guard part < compared.count else {
                return [PathDifference(pointer: "", before: parts[part].text, after: nil)]
            }
            let comparison = PathDifference.compare(parts[part], compared[part])
            if comparison.more > 0 {
                isWhole = false
                if reason.isEmpty { reason = "of a part the first \(PathDifference.most) places that differ are shown" }
            }
            return comparison.places ?? []
        }
    }
}
