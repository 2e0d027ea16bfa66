import Foundation

/// Runs of a measurement and of its reference, side by side.
///
/// Both run in every pair, and take turns in going first, so that whatever else the machine does meets both alike.
struct Pairs {
    private var values: [Double] = []
    private var references: [Double] = []

    /// Runs `count` pairs; the first run of each warms up and is not counted.
    init(
        _ count: Int,
        of name: String,
        measured: () async throws -> Double,
        reference: () async throws -> Double
    ) async throws {
        _ = try await measured()
        _ = try await reference()
        for pair in 1...max(count, 1) {
            if pair.isMultiple(of: 2) {
                references.append(try await reference())
                values.append(try await measured())
            } else {
                values.append(try await measured())
                references.append(try await reference())
            }
            FileHandle.standardError.write(Data("\(name): pair \(pair) of \(count)\n".utf8))
        }
    }

    /// Figures that were taken beside each other.
    init(values: [Double], references: [Double] = []) {
        (self.values, self.references) = (values, references)
    }

    var count: Int { values.count }
    /// Whether there is something to compare with.
    var hasReference: Bool { !references.isEmpty }
    /// The median of what was measured.
    var value: Double { Self.median(values) }
    /// The median of the reference.
    var reference: Double { Self.median(references) }
    /// The median of the ratios, each of one pair.
    var ratio: Double { Self.median(zip(values, references).map { $0 / $1 }) }

    private static func median(_ numbers: [Double]) -> Double {
        guard !numbers.isEmpty else { return .nan }
        let sorted = numbers.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}
