/// How many events of a lane were filtered or dropped for which reason.
///
/// A reason is a word for what a connection does not want, `sample`, `filter` or `consent`, or the id of the plugin that
/// dropped the event with what the plugin gave as its reason: `com.example.mask: bot`. Of an event of which something
/// else goes on, the parts that were dropped are counted: `part dropped by com.example.mask: bot`. What a plugin says is
/// its own affair, so the number of its reasons is bounded; what comes after the last is counted together.
package struct ReasonCounts: Equatable, Sendable {
    /// - Shape: every count is above 0.
    package private(set) var events: [String: Int64]

    package init(_ events: [String: Int64] = [:]) { self.events = events }

    package var isEmpty: Bool { events.isEmpty }

    /// Counts events that a connection does not want.
    package mutating func count(_ exclusion: String, _ count: Int64 = 1) {
        if count > 0 { events[exclusion, default: 0] += count }
    }

    /// Counts an event that a plugin dropped.
    package mutating func count(droppedBy plugin: String, reason: String) { count(plugin, reason) }

    /// Counts a part that a plugin dropped of an event of which something else goes on.
    package mutating func count(partDroppedBy plugin: String, reason: String) { count(plugin, reason, of: Self.part) }

    private mutating func count(_ plugin: String, _ reason: String, of kind: String = "") {
        let key = kind + Self.name(plugin, reason)
        if events[key] == nil {
            let others = events.keys.count { $0.hasPrefix("\(kind)\(plugin): ") }
            guard others < Self.reasonsOfPlugin, events.count < Self.reasons else {
                events["\(kind)\(events.count < Self.reasons ? plugin : "plugins"): other reasons", default: 0] += 1
                return
            }
        }
        events[key, default: 0] += 1
    }

    /// Parts that plugins dropped of events of which something else went on; all other counts are of whole events.
    package var droppedParts: Int64 {
        events.reduce(0) { $0 + ($1.key.hasPrefix(Self.part) ? $1.value : 0) }
    }

    /// How a reason begins that is of parts; no plugin's id has a space in it.
    package static let part = "part dropped by "

    package static func += (total: inout Self, more: Self) { total.events.merge(more.events, uniquingKeysWith: +) }

    /// The most reasons that are told apart of one plugin in one lane.
    package static let reasonsOfPlugin = 20
    /// The most reasons of all plugins that there ever were in one lane.
    package static let reasons = 200
    /// The longest reason, in characters.
    package static let reasonCharacters = 100

    /// What a plugin's drop is called.
    package static func name(_ plugin: String, _ reason: String) -> String { "\(plugin): \(words(reason))" }

    /// A plugin's words as one line without what cannot be stored or shown.
    private static func words(_ reason: String) -> String {
        let words = reason.prefix(reasonCharacters).filter { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 } }
        return words.isEmpty ? "no reason given" : words
    }
}
