/// What a plugin reported of one metric of its own since its last answer.
package struct ReportedMetric: Equatable, Sendable {
    /// What a number means; the raw values are those of `LEAT_METRIC_`.
    package enum Kind: Int32, Sendable {
        case counter = 1
        case gauge = 2
        case histogram = 3
    }

    package var kind: Kind
    package var name: String
    /// Empty for none.
    package var unit: String
    /// What a counter grew by, what a gauge was set to last, or the sum of what a histogram took.
    package var value: Double
    /// For a histogram, how many values fell into each bucket; else nothing.
    ///
    /// - Shape: one for each of `bounds`, and one for what is above them all.
    package var counts: [UInt64]

    package init(_ kind: Kind, name: String, unit: String = "", value: Double, counts: [UInt64] = []) {
        self.kind = kind
        self.name = name
        self.unit = unit
        self.value = value
        self.counts = counts
    }

    /// The most metrics that one plugin has.
    package static let mostOfPlugin = 32
    /// The longest name and the longest unit.
    /// - Unit: bytes.
    static let longestName = 48

    /// The upper bounds of a histogram's buckets: plugins measure all kinds of things, so three for each power of ten.
    package static let bounds: [Double] = [
        0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200,
        500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    ]

    /// Whether a text may be a metric's name, or its unit.
    package static func isName(_ text: some Collection<UInt8>) -> Bool {
        guard let first = text.first, (0x61...0x7A).contains(first), text.count <= longestName else { return false }
        return text.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }
}

extension ReportedMetric {
    /// What follows the name in the arena: the unit, then the counts.
    var rest: [UInt8] {
        var bytes = Array(unit.utf8)
        for count in counts { bytes.append(word64: count) }
        return bytes
    }

    /// - Throws: `ArenaError.violation` for what no honest worker writes.
    init(_ record: OutputSnapshot.Record, of snapshot: OutputSnapshot) throws(ArenaError) {
        guard let kind = Kind(rawValue: record.code) else { throw .violation("a metric is of an unknown kind") }
        let name = snapshot.data[record.first]
        let rest = snapshot.data[record.second]
        let unit = rest.prefix(Int(record.aux))
        guard Self.isName(name), unit.isEmpty || Self.isName(unit) else { throw .violation("a metric has no name") }
        let buckets = kind == .histogram ? Self.bounds.count + 1 : 0
        guard rest.count == Int(record.aux) + buckets * 8 else { throw .violation("a metric has another length") }
        let value = Double(bitPattern: record.extra)
        guard value.isFinite, kind != .counter || value >= 0 else { throw .violation("a metric has no value") }
        let counts = rest.dropFirst(unit.count)
        self.init(
            kind,
            name: name.text(limit: Self.longestName),
            unit: unit.text(limit: Self.longestName),
            value: value,
            counts: (0..<buckets).map { counts.word64(at: $0 * 8) }
        )
        // Sums of them must not overflow either.
        guard self.counts.allSatisfy({ $0 <= UInt64(UInt32.max) }) else { throw .violation("a metric counts too much") }
    }
}
