import CoreMetrics
import Telemetry
import Testing

@Suite struct ExpositionTests {
    @Test func `A scrape shows help, type and every sample of a family`() {
        let family = MetricFamily(
            name: "leat_events_total",
            help: "Events accepted.",
            kind: .counter,
            samples: [.init(labels: [.init("source", "shop")], value: 3), .init(value: 0.5)]
        )
        #expect(
            Exposition.text(of: [family]) == """
                # HELP leat_events_total Events accepted.
                # TYPE leat_events_total counter
                leat_events_total{source="shop"} 3
                leat_events_total 0.5

                """
        )
    }

    @Test func `Quotes, backslashes and line ends in a label cannot break a line`() {
        let sample = MetricFamily.Sample(labels: [.init("name", "a\"b\\c\nd")], value: 1)
        let text = Exposition.text(of: [MetricFamily(name: "m", help: "h", kind: .gauge, samples: [sample])])
        #expect(text.hasSuffix("m{name=\"a\\\"b\\\\c\\nd\"} 1\n"))
    }

    @Test func `Families of one name from two owners are written once`() {
        let one = MetricFamily(
            name: "m",
            help: "h",
            kind: .gauge,
            samples: [.init(labels: [.init("n", "1")], value: 1)]
        )
        let two = MetricFamily(
            name: "m",
            help: "h",
            kind: .gauge,
            samples: [.init(labels: [.init("n", "2")], value: 2)]
        )
        let text = Exposition.text(of: [one, two])
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }.count == 1)
        #expect(text.contains("m{n=\"1\"} 1\nm{n=\"2\"} 2\n"))
    }

    @Test func `What a library counts and times is shown`() {
        let registry = MetricRegistry()
        registry.makeCounter(label: "http.requests", dimensions: [("method", "POST")]).increment(by: 2)
        registry.makeCounter(label: "http.requests", dimensions: [("method", "POST")]).increment(by: 1)
        registry.makeTimer(label: "http.time", dimensions: []).recordNanoseconds(2_000_000)
        let text = registry.exposition()
        #expect(text.contains("http_requests_total{method=\"POST\"} 3\n"))
        #expect(text.contains("http_time_seconds_bucket{le=\"0.001\"} 0\n"))
        #expect(text.contains("http_time_seconds_bucket{le=\"0.0025\"} 1\n"))
        #expect(text.contains("http_time_seconds_bucket{le=\"+Inf\"} 1\n"))
        #expect(text.contains("http_time_seconds_count 1\n"))
    }

    @Test func `An owner's collector is asked anew at each scrape`() {
        let registry = MetricRegistry()
        let level = registry.makeMeter(label: "level", dimensions: [])
        level.set(1 as Int64)
        #expect(registry.exposition().contains("level 1\n"))
        level.set(7 as Int64)
        #expect(registry.exposition().contains("level 7\n"))
    }
}
