import Histogram

/// The values of one measure: how many, how large, how spread, and how many of them belong to failures.
///
/// - Shape: an HDR histogram of two significant digits, so every value is known within one percent.
package struct TimingDistribution: Sendable {
    private var histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .two)
    package private(set) var count: Int64 = 0
    package private(set) var sum: Int64 = 0
    package private(set) var max: Int64 = 0
    /// How many of the values belong to failures, by cause.
    package private(set) var failures: [String: Int64] = [:]

    package init() {}

    mutating func record(_ value: Int64, failure: FailureCause? = nil) {
        let value = Swift.max(0, value)
        histogram.record(UInt64(value))
        count += 1
        sum += value
        max = Swift.max(max, value)
        if let failure { failures[failure.rawValue, default: 0] += 1 }
    }

    /// Adds what another node, or an earlier minute, has measured.
    package mutating func add(_ other: TimingDistribution) {
        for (value, count) in other.buckets { histogram.record(UInt64(value), count: UInt64(count)) }
        count += other.count
        sum += other.sum
        max = Swift.max(max, other.max)
        failures.merge(other.failures) { $0 + $1 }
    }

    /// The value below or at which this share of all values lies; the largest value is exact.
    package func percentile(_ share: Double) -> Int64 {
        count == 0 ? 0 : min(max, Int64(clamping: histogram.valueAtPercentile(share)))
    }

    /// The counts of values at or below each of `bounds`, which are ascending.
    package func cumulative(_ bounds: [Double], scale: Double) -> [Int64] {
        var counts = [Int64](repeating: 0, count: bounds.count)
        for (value, count) in buckets {
            guard let first = bounds.firstIndex(where: { Double(value) <= $0 * scale }) else { continue }
            counts[first] += count
        }
        for index in counts.indices.dropFirst() { counts[index] += counts[index - 1] }
        return counts
    }

    /// The buckets that hold something, each as the largest value in it and its count.
    package var buckets: [(value: Int64, count: Int64)] {
        histogram.recordedValues().map { (Int64(clamping: $0.value), Int64(clamping: $0.count)) }
    }

    /// Puts together what `buckets` and the other properties gave.
    package init(
        count: Int64,
        sum: Int64,
        max: Int64,
        buckets: some Sequence<(Int64, Int64)>,
        failures: [String: Int64]
    ) {
        for (value, count) in buckets where value >= 0 && count > 0 {
            histogram.record(UInt64(value), count: UInt64(count))
        }
        self.count = count
        self.sum = sum
        self.max = max
        self.failures = failures
    }
}
