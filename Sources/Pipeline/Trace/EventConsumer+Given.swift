import EventModel

/// What a connector was given of an event.
extension EventConsumer {
    /// Whether it came as far as to the connector; nothing is said of what is not known.
    var wasGiven: Bool {
        switch outcome {
        case "delivered", "dead_lettered": true
        // Whole events that wait were not transformed yet, or wait behind another.
        case "parked": parked.contains { $0.part != nil }
        default: false
        }
    }

    /// The going through that shows all parts as they left the transformations: the last that was written down, or else
    /// the one that was worked out again.
    var given: EventPass? {
        let whole = passes.filter { $0.basis == .recomputed || $0.event != nil && $0.passesAll(of: plugins) }
        return whole.last { $0.basis == .recorded } ?? whole.last { $0.outcome != "failed" }
    }
}

extension EventPass {
    fileprivate func passesAll(of plugins: [PathPlugin]) -> Bool {
        let transformations = stages.filter { $0.stage == "transform" }
        return !stages.isEmpty && transformations.count >= plugins.count - 1
            && transformations.allSatisfy { !["dropped", "failed"].contains($0.verdict) }
    }

    /// What left the transformations, the first parts of many, and how many there were.
    func given(_ event: PathPayload) -> (parts: [PathPayload], count: Int) {
        guard let last = stages.last(where: { $0.stage == "transform" }) else { return ([event], 1) }
        return (last.parts, last.partCount)
    }
}
