import EventLog
import PluginHost
import Synchronization
import Telemetry

/// The portions of this node's lanes that wait because a plugin as a whole cannot run.
///
/// - Owner: the pipeline; lanes enter what waits.
final class PluginWaits: Sendable {
    /// Who is waited for, and why.
    struct Cause: Hashable {
        let plugin: PluginLabel
        /// The code of the plugin's error.
        let code: String

        var sortKey: (String, String, String) { (plugin.id, plugin.version, code) }
    }

    private let portions = Mutex<[LaneID: [Cause: Int]]>([:])

    /// Notes that a portion of a lane waits for another cause than before; nil when it does not wait.
    func change(_ cause: inout Cause?, to new: Cause?, in lane: LaneID) {
        guard cause != nil || new != nil else { return }
        portions.withLock { portions in
            var causes = portions.removeValue(forKey: lane) ?? [:]
            if let old = cause, let count = causes[old] { causes[old] = count > 1 ? count - 1 : nil }
            if let new { causes[new, default: 0] += 1 }
            if !causes.isEmpty { portions[lane] = causes }
        }
        cause = new
    }

    /// What portions of these lanes wait for.
    func causes(in lanes: [LaneID]) -> [Cause: Int] {
        portions.withLock { portions in
            lanes.reduce(into: [:]) { sum, lane in sum.merge(portions[lane] ?? [:], uniquingKeysWith: +) }
        }
    }

    /// What a scrape is told.
    var family: MetricFamily {
        let all = portions.withLock { $0 }.values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        let sorted = all.sorted { $0.key.sortKey < $1.key.sortKey }
        return MetricFamily(
            name: "leat_plugin_waiting_portions",
            help: "Portions of lanes that wait because a plugin as a whole cannot run.",
            kind: .gauge,
            samples: sorted.map { cause, count in
                MetricFamily.Sample(
                    labels: [
                        .init("plugin", cause.plugin.id), .init("version", cause.plugin.version),
                        .init("cause", cause.code),
                    ],
                    value: Double(count)
                )
            }
        )
    }
}
