/// What is measured of a plugin, by the host's own clock and counts.
///
/// The raw value is stored and must never change its meaning.
package enum TimingMeasure: String, Sendable, CaseIterable {
    /// Starting and sealing a process, loading the file and creating the instance.
    ///
    /// - Unit: microseconds.
    case creation
    /// From the doorbell to the answer, of one batch.
    ///
    /// - Unit: microseconds.
    case execution
    /// JSON given to the plugin in one batch.
    case inputBytes = "input_bytes"
    case inputEvents = "input_events"
    /// JSON and request bodies that the plugin gave in one batch.
    case outputBytes = "output_bytes"

    /// The upper bounds of the buckets that Prometheus sees: seconds for times, else bytes or events.
    package var bounds: [Double] {
        switch self {
        case .creation, .execution:
            [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
        case .inputBytes, .outputBytes: [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216]
        case .inputEvents: [1, 2, 5, 10, 20, 50, 100, 200, 500]
        }
    }

    /// What a recorded value is divided by to have the unit of `bounds`.
    var scale: Double {
        switch self {
        case .creation, .execution: 1_000_000
        case .inputBytes, .inputEvents, .outputBytes: 1
        }
    }
}
