/// All samples of one metric name, as a scrape shows them.
package struct MetricFamily: Equatable, Sendable {
    /// What the numbers mean to whoever adds them up.
    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// One line of a scrape: a value under a set of labels.
    ///
    /// - Shape: `suffix` is `""`, or `_bucket`, `_sum` and `_count` for histograms.
    package struct Sample: Equatable, Sendable {
        package let suffix: String
        package let labels: [Label]
        package let value: Double

        package init(suffix: String = "", labels: [Label] = [], value: Double) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }
    }

    /// A name and a value of bounded variety; never anything taken from an event.
    package struct Label: Hashable, Sendable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package let name: String
    package let help: String
    package let kind: Kind
    package var samples: [Sample]

    package init(name: String, help: String, kind: Kind, samples: [Sample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }
}

extension MetricFamily.Sample {
    /// The samples of one histogram: a cumulative count for each bound, one for infinity, the sum and the count.
    ///
    /// - Shape: `cumulative` has one count for each of `bounds`, both ascending.
    package static func histogram(
        bounds: [Double],
        cumulative: [Int64],
        count: Int64,
        sum: Double,
        labels: [MetricFamily.Label]
    ) -> [Self] {
        var samples = zip(bounds, cumulative).map { bound, count in
            Self(suffix: "_bucket", labels: labels + [.init("le", String(bound))], value: Double(count))
        }
        samples.append(Self(suffix: "_bucket", labels: labels + [.init("le", "+Inf")], value: Double(count)))
        samples.append(Self(suffix: "_sum", labels: labels, value: sum))
        samples.append(Self(suffix: "_count", labels: labels, value: Double(count)))
        return samples
    }
}
