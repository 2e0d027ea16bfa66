import Catalog
package import Conditions
import EventJSON
import EventLog
package import EventModel

/// Judges the events of a partition for one connection, from the directory of their chunk where that is enough.
package struct Chooser: Sendable {
    /// What the directory says of an event.
    enum Judgement: Equatable {
        case wanted
        case excluded(Exclusion)
        /// The event's text must be asked.
        case open
    }

    let selection: Selection
    /// The same as it is written down.
    let rule: String
    private let prefilter: Prefilter?
    /// Of the sample.
    private let salt: UInt64

    /// Nil where everything is wanted.
    package init?(_ selection: Selection, of connection: ConsumerID) {
        guard selection != .everything else { return nil }
        self.selection = selection
        rule = selection.rule
        prefilter = selection.filter.map { Prefilter($0, hash: EventHash.key) }
        salt = UInt64(bitPattern: connection.rawValue)
    }

    /// Why the connection does not want an event; nil if it does.
    func exclusion(of entry: DirectoryEntry, _ json: ArraySlice<UInt8>, _ tape: inout JSONTape) -> Exclusion? {
        switch judge(entry) {
        case .wanted: nil
        case .excluded(let exclusion): exclusion
        case .open: exclusion(of: json, &tape)
        }
    }

    /// Whether directories alone may not tell.
    var needsBodies: Bool { selection.filter != nil || selection.consent != nil }

    /// How many of the chosen events of a chunk it rejects, as far as its bodies can be read.
    func count(rejectedOf choices: [Bool], _ entries: [DirectoryEntry], _ bodies: ChunkBodies?) -> Int {
        var tape = JSONTape()
        return entries.indices.count { place in
            guard choices[place] else { return false }
            switch judge(entries[place]) {
            case .wanted: return false
            case .excluded: return true
            case .open: return bodies.map { exclusion(of: $0[place], &tape) != nil } ?? false
            }
        }
    }

    func judge(_ entry: DirectoryEntry) -> Judgement {
        if let sample = selection.sample, !sample.takes(user: entry.userHash, salt: salt) { return .excluded(.sample) }
        switch prefilter?.answer(type: entry.type, nameHash: entry.nameHash) ?? .holds {
        case .fails: return .excluded(.filter)
        case .open: return .open
        case .holds: return selection.consent == nil ? .wanted : .open
        }
    }

    /// Why the connection does not want an event that its directory leaves open; nil if it does.
    func exclusion(of json: ArraySlice<UInt8>, _ tape: inout JSONTape) -> Exclusion? {
        // What was accepted is JSON.
        guard (try? tape.parse(json)) != nil else { return .filter }
        if let filter = selection.filter, !filter.holds(in: tape) { return .filter }
        if let consent = selection.consent, !consent.permits(tape.root, in: tape) { return .consent }
        return nil
    }

    /// Why the connection does not want an event, with the text of the rule; `json` need not be there where the rule asks
    /// only the directory.
    func words(_ exclusion: Exclusion, _ json: ArraySlice<UInt8>, _ tape: inout JSONTape) -> String {
        switch exclusion {
        case .sample: return "the user is not among those whom sample \(selection.sample?.description ?? "") chooses"
        case .filter: return "the filter does not hold: \(selection.filter?.text ?? "")"
        case .consent:
            guard let consent = selection.consent else { return "" }
            let wish = "consent is wanted to \(consent.line)"
            guard (try? tape.parse(json)) != nil else { return wish }
            return "\(consent.lack(of: tape.root, in: tape)); \(wish)"
        case .replay: return "the replay does not send it"
        }
    }
}

extension Selection {
    /// As it is written down beside the versions that handled an event; empty for everything.
    var rule: String { self == .everything ? "" : canonicalJSON }
}
