import Catalog

/// A plan of a replay as lines for a person.
struct PlanStory {
    private let isColoured: Bool
    private var told: [String] = []

    init(_ plan: Document, isColoured: Bool = Terminal.isColoured) {
        self.isColoured = isColoured
        tell(plan)
    }

    var lines: [String] { isColoured ? told.map { EventStory.coloured($0) } : told }

    private mutating func tell(_ plan: Document) {
        let about = plan["isEstimate"]?.truth == true ? "about " : ""
        told.append(
            "\(plan.count("events")) events lie in that time, of which \(about)\(plan.count("wanted")) would be sent."
        )
        if !about.isEmpty {
            told.append("That is worked out from \(plan.count("looked")) events that there was time to look at.")
        }
        let plugins = Self.names(plan.list("plugins"))
        for sample in plan.list("samples") {
            told.append("")
            tell(sample: sample, through: plugins)
        }
        if let remark = plan["remark"]?.string, !remark.isEmpty { told.append("Note: \(remark).") }
    }

    private mutating func tell(sample: Document, through plugins: String) {
        let earlier = sample["earlier"] ?? nil
        let offset = sample["offset"]?.integer ?? 0
        let parts = sample.list("parts").compactMap(\.string)
        told.append("\(sample.word("partition")):\(offset)  \(EventStory.short(sample.word("event")))")
        told.append("  --- \(Self.before(earlier))")
        told.append("  +++ \(Self.now(sample, parts.count))\(parts.isEmpty ? "" : " by \(plugins)")")
        let basis = earlier.word("basis")
        guard basis == "recorded" || basis == "recomputed" else {
            told += parts.map { "  + \(EventStory.short($0))" }
            return
        }
        let differences = earlier.list("differences")
        for (number, places) in differences.enumerated() {
            if differences.count > 1 { told.append("  @@ part \(number) @@") }
            let lines = (places.elements ?? []).flatMap { EventStory.lines(ofDifference: $0) }
            told += (lines.isEmpty ? ["no difference"] : lines).map { "  \($0)" }
        }
        if earlier["whole"]?.truth == false { told.append("  Only a part of it could be compared.") }
    }

    /// What was sent, and how that is known.
    private static func before(_ earlier: Document) -> String {
        let reason = earlier["reason"]?.string ?? ""
        let because = reason.isEmpty ? "" : ": \(reason)"
        switch earlier.word("basis") {
        case "not_sent": return "not sent before, \(earlier.word("outcome"))\(because)"
        case "unknown": return "unknown\(because)"
        default:
            let plugins = names(earlier.list("plugins"))
            let by = plugins.isEmpty ? "" : " by \(plugins)"
            return "sent before\(by) (\(earlier.word("basis"))), \(earlier.word("outcome"))\(because)"
        }
    }

    private static func now(_ sample: Document, _ parts: Int) -> String {
        let reason = sample["reason"]?.string ?? ""
        let because = reason.isEmpty ? "" : ": \(reason)"
        guard parts > 0 else { return "would not be sent, \(sample.word("outcome"))\(because)" }
        return parts == 1 ? "would be sent" : "would be sent in \(parts) parts"
    }

    private static func names(_ plugins: [Document]) -> String {
        plugins.map { "\($0.word("plugin"))@\($0.word("version"))" }.joined(separator: ", ")
    }
}
