/// The text form in which Prometheus reads metrics.
///
/// - Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
package enum Exposition {
    /// The value of the `Content-Type` header that goes with the text.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The text of all families, sorted by name; families of the same name are written as one.
    package static func text(of families: [MetricFamily]) -> String {
        var merged: [String: MetricFamily] = [:]
        for family in families {
            merged[family.name, default: family.emptied].samples += family.samples
        }
        var text = ""
        for family in merged.values.sorted(by: { $0.name < $1.name }) {
            write(family, to: &text)
        }
        return text
    }

    private static func write(_ family: MetricFamily, to text: inout String) {
        text += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n"
        text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
        for sample in family.samples {
            text += family.name + sample.suffix
            if !sample.labels.isEmpty {
                let labels = sample.labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
                text += "{" + labels.joined(separator: ",") + "}"
            }
            text += " \(number(sample.value))\n"
        }
    }

    /// Whole numbers without a fraction; Swift's shortest form that reads back the same for the rest.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.append(character)
            }
        }
        return escaped
    }
}

extension MetricFamily {
    fileprivate var emptied: MetricFamily {
        MetricFamily(name: name, help: help, kind: kind, samples: [])
    }
}
