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

        fileprivate var words: (String, String, String) { (plugin.id, plugin.version, code) }
    }

    private let portions = Mutex<[Cause: Int]>([:])

    /// Notes that a portion waits for another cause than before; nil when it does not wait.
    func change(_ cause: inout Cause?, to new: Cause?) {
        portions.withLock { portions in
            if let old = cause, let count = portions[old] { portions[old] = count > 1 ? count - 1 : nil }
            if let new { portions[new, default: 0] += 1 }
        }
        cause = new
    }

    /// What a scrape is told.
    var family: MetricFamily {
        let sorted = portions.withLock { $0 }.sorted { $0.key.words < $1.key.words }
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
