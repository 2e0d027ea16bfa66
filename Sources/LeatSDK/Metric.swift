import CLeatPlugin

/// A number of the plugin's own on the server's metrics page, beside the plugin's id and version.
///
/// Define it where the plugin is made, report where something happens:
/// ```swift
/// init(configuration: Configuration) throws {
///     unknown = try Metric.counter("unknown_products")
/// }
/// ```
/// A plugin has at most 32. Values of events do not belong into a name.
public struct Metric: Sendable {
    private let place: UInt32

    /// Counts: what is reported is added up.
    ///
    /// - Parameters:
    ///   - name: 1 to 48 of `a-z`, `0-9` and `_`, first a letter.
    ///   - unit: The same, or nothing.
    /// - Returns: The metric.
    /// - Throws: ``Failure`` with the code `bad_metric` outside the plugin's `init`, for a wrong name, or for too many.
    public static func counter(_ name: String, unit: String = "") throws(Failure) -> Metric {
        try Metric(LEAT_METRIC_COUNTER, name, unit)
    }

    /// A level: what is reported last holds.
    ///
    /// - Parameters:
    ///   - name: 1 to 48 of `a-z`, `0-9` and `_`, first a letter.
    ///   - unit: The same, or nothing.
    /// - Returns: The metric.
    /// - Throws: ``Failure`` as ``counter(_:unit:)`` does.
    public static func gauge(_ name: String, unit: String = "") throws(Failure) -> Metric {
        try Metric(LEAT_METRIC_GAUGE, name, unit)
    }

    /// How values spread, in buckets from a ten-thousandth to a million.
    ///
    /// - Parameters:
    ///   - name: 1 to 48 of `a-z`, `0-9` and `_`, first a letter.
    ///   - unit: The same, or nothing.
    /// - Returns: The metric.
    /// - Throws: ``Failure`` as ``counter(_:unit:)`` does.
    public static func histogram(_ name: String, unit: String = "") throws(Failure) -> Metric {
        try Metric(LEAT_METRIC_HISTOGRAM, name, unit)
    }

    private init(_ kind: Int32, _ name: String, _ unit: String) throws(Failure) {
        var place: UInt32 = 0
        let status = unsafe name.withSlice { name in
            unsafe unit.withSlice { unit in
                guard let table = unsafe Host.tables.metric else { return LEAT_E_UNSUPPORTED }
                return unsafe table.pointee.define(Host.tables.context, kind, name, unit, &place)
            }
        }
        guard status == LEAT_OK else {
            throw Failure(code: "bad_metric", message: "the metric \(name) was not taken: \(Self.reason(status))")
        }
        self.place = place
    }

    private static func reason(_ status: leat_status) -> String {
        switch status {
        case LEAT_E_LIMIT: "a plugin has at most 32"
        case LEAT_E_CLOSED: "metrics are defined where the plugin is made"
        case LEAT_E_INVALID: "names and units are 1 to 48 of a-z, 0-9 and _, first a letter"
        default: "this server takes none"
        }
    }

    /// Reports a value, from any thread; one that is not finite is left out.
    ///
    /// - Parameter value: What to add to a counter, what a gauge is, or what a histogram takes.
    public func record(_ value: Double = 1) {
        guard let table = unsafe Host.tables.metric else { return }
        unsafe table.pointee.record(Host.tables.context, place, value)
    }
}
