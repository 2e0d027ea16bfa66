package import Catalog
import Conditions
import EventJSON
package import EventLog
import EventModel

/// Decides which of a chunk's events a replay sends: by their entries in the directory as far as these tell, and by the
/// events themselves where there is a condition.
package struct ReplaySieve: Equatable, Sendable {
    private let filter: ReplayFilter
    private let names: Set<UInt64>
    private let types: Set<UInt8>
    private let user: UInt64?
    private let prefilter: Prefilter?

    package init(_ filter: ReplayFilter) {
        self.filter = filter
        names = Set(filter.events.map { EventHash.key($0) })
        types = Set(filter.types.map(\.rawValue))
        user = filter.user.map { EventHash.key($0) }
        prefilter = filter.condition.map { Prefilter($0) { EventHash.key($0) } }
    }

    package static func == (left: Self, right: Self) -> Bool { left.filter == right.filter }

    /// Whether directories alone tell.
    package var needsBodies: Bool { filter.condition != nil }

    /// Whether the directory leaves it open, or says that the event is sent.
    package func mayTake(_ entry: DirectoryEntry) -> Bool {
        guard user == nil || user == entry.userHash, types.isEmpty || types.contains(entry.type),
            names.isEmpty || names.contains(entry.nameHash)
        else { return false }
        guard let prefilter else { return true }
        if case .fails = prefilter.answer(type: entry.type, nameHash: entry.nameHash) { return false }
        return true
    }

    /// Whether an event is sent whose directory leaves it open.
    func takes(_ json: ArraySlice<UInt8>, _ tape: inout JSONTape) -> Bool {
        filter.condition?.holds(for: json, using: &tape) ?? true
    }

    /// Which of the events are sent; where bodies are needed and cannot be read, none of those that they decide about.
    package func choices(_ entries: [DirectoryEntry], _ bodies: ChunkBodies?) -> [Bool] {
        guard let condition = filter.condition else { return entries.map(mayTake) }
        var tape = JSONTape()
        return entries.indices.map { place in
            guard mayTake(entries[place]), let bodies else { return mayTake(entries[place]) }
            return condition.holds(for: bodies[place], using: &tape)
        }
    }
}
