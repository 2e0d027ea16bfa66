import EventJSON
import EventModel

/// Before and after, side by side.
extension EventPass {
    /// What came into a stage.
    private struct Input {
        var parts: [PathPayload] = []
        var count = 0
        var basis = EventPath.Basis.unknown
    }

    /// Tells of each stage what came in, where that is known from, and how each part differs from what it was made of.
    ///
    /// `body` is the event as it stands in the log.
    mutating func compareStages(_ body: ArraySlice<UInt8>?) {
        var input = Input()
        if let event = event ?? (part == nil ? body.map { PathPayload($0) } : nil) {
            input = Input(parts: [event], count: 1, basis: .recorded)
        }
        for index in stages.indices {
            // Of a part that waited it is written down what the connector was given.
            if let part = stages[index].before { input = Input(parts: [part], count: 1, basis: .recorded) }
            stages[index].before = input.count == 1 ? input.parts.first : nil
            stages[index].beforeBasis = input.basis
            let isTransformation = stages[index].stage == "transform"
            if isTransformation, stages[index].partsBasis == nil {
                stages[index].partsBasis = stages[index].lacksParts ? .unknown : basis
            }
            if stages[index].note == nil { stages[index].note = stages[index].lack }
            guard isTransformation else { continue }
            stages[index].comparisons = stages[index].parts.indices.map { place in
                Self.comparison(of: place, in: stages[index], with: input)
            }
            input = Input(
                parts: stages[index].parts,
                count: stages[index].partCount,
                basis: stages[index].partsBasis ?? .unknown
            )
        }
    }

    private static func comparison(of place: Int, in stage: PathStage, with input: Input) -> PathComparison {
        let known = stage.from.flatMap { place < $0.count ? $0[place] : nil }
        guard let from = known ?? (input.count == 1 ? 0 : nil) else {
            var comparison = PathComparison(from: nil, places: nil)
            comparison.note =
                input.basis == .unknown
                ? "What it was made of is not known." : "Of which part it was made is not known."
            return comparison
        }
        guard from < input.parts.count else {
            var comparison = PathComparison(from: from, places: nil)
            comparison.note = input.basis == .unknown ? "What it was made of is not known." : PathComparison.notKept
            return comparison
        }
        var comparison = PathDifference.compare(input.parts[from], stage.parts[place])
        comparison.from = from
        return comparison
    }
}

extension PathStage {
    /// What is not known of it, if anything.
    fileprivate var lack: String? {
        if lacksParts { return "What came out is not written down." }
        return microseconds == nil ? "How long it took is not known." : nil
    }

    /// Whether it is not known what came out, though something did.
    var lacksParts: Bool { stage == "transform" && partCount == 0 && (verdict == "emitted" || verdict == "skipped") }
}

extension PathComparison {
    fileprivate static let notKept =
        "The part that it was made of is not kept: of a stage the first \(PathStage.maximumParts) are."
    fileprivate static let tooLong =
        "Payloads of more than \(PathPayload.maximumBytes / 1024) KiB are not kept whole, and not compared."
}

extension PathDifference {
    /// The most differences that are told of one part.
    static let most = 100

    /// What differs between two payloads, as far as they can be compared.
    static func compare(_ before: PathPayload, _ after: PathPayload) -> PathComparison {
        var comparison = PathComparison(from: nil, places: nil)
        guard before.isWhole, after.isWhole else {
            comparison.note = PathComparison.tooLong
            return comparison
        }
        guard let diff = try? JSONDiff(from: Array(before.text.utf8)[...], to: Array(after.text.utf8)[...], limit: most)
        else {
            comparison.note = "One of them is not JSON that can be compared."
            return comparison
        }
        comparison.more = diff.more
        comparison.places = diff.entries.map { entry in
            switch entry.change {
            case .added(let text): PathDifference(pointer: entry.pointer, before: nil, after: Self.text(text))
            case .removed(let text): PathDifference(pointer: entry.pointer, before: Self.text(text), after: nil)
            case .changed(let old, let new):
                PathDifference(pointer: entry.pointer, before: Self.text(old), after: Self.text(new))
            }
        }
        return comparison
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
