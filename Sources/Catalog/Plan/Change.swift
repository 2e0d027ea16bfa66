import Conditions
package import EventModel

/// One step from the configuration that is to the one that is wanted.
///
/// New things are named, since they have no id yet; things that exist carry theirs.
package enum Change: Equatable, Sendable {
    /// A version that the client says it will upload; only a plan that is not carried out may hold one.
    case uploadPlugin(id: String, version: String)
    case activatePlugin(id: String, version: String, instead: String?)
    case addSource(name: String, enabled: Bool, partitions: Int)
    case enableSource(SourceID, name: String, enabled: Bool)
    /// Begins a new generation; what was accepted before is still delivered, and first.
    case repartitionSource(SourceID, name: String, from: Int, to: Int)
    /// By name, since the source may be made by the same plan.
    case limitSource(name: String, SourceLimits, differences: [String])
    /// By name, for the same reason.
    case transformSource(name: String, [Transformation], differences: [String])
    case removeSource(SourceID, name: String)
    case addWriteKey(source: String, hash: SecretHash, hint: String)
    /// The key itself is made when the change is carried out, and shown once.
    case generateWriteKey(source: String)
    case removeWriteKey(source: String, hash: SecretHash, hint: String)
    case addDestination(DeclaredDestination)
    case updateDestination(DestinationID, DeclaredDestination, differences: [String])
    case removeDestination(DestinationID, name: String)
    case limitDestination(DestinationID, name: String, DestinationLimits, differences: [String])
    case pauseDestination(DestinationID, name: String, reason: String, by: String)
    case drainDestination(DestinationID, name: String, reason: String, by: String)
    case resumeDestination(DestinationID, name: String)
    case addConnection(DeclaredConnection)
    case updateConnection(ConsumerID, DeclaredConnection, differences: [String])
    case removeConnection(ConsumerID, name: String)

    /// The change as a person reads it: `+` for what comes, `~` for what becomes different, `-` for what goes.
    package var line: String {
        switch self {
        case .uploadPlugin(let id, let version): "+ plugin \(id)@\(version)"
        case .activatePlugin(let id, let version, let instead?): "~ plugin \(id): active \(instead) → \(version)"
        case .activatePlugin(let id, let version, nil): "~ plugin \(id): active \(version)"
        case .addSource(let name, let enabled, let partitions):
            "+ source \(name) (\(partitions) partitions\(enabled ? "" : ", disabled"))"
        case .enableSource(_, let name, let enabled): "~ source \(name): \(enabled ? "enabled" : "disabled")"
        case .repartitionSource(_, let name, let from, let to):
            "~ source \(name): partitions \(from) → \(to) (a new generation)"
        case .limitSource(let name, _, let differences): "~ source \(name): \(differences.joined(separator: ", "))"
        case .transformSource(let name, _, let differences): "~ source \(name): \(differences.joined(separator: ", "))"
        case .removeSource(_, let name): "- source \(name)"
        case .addWriteKey(let source, _, let hint): "+ write key …\(hint) of source \(source)"
        case .generateWriteKey(let source): "+ write key of source \(source) (generated)"
        case .removeWriteKey(let source, _, let hint): "- write key …\(hint) of source \(source)"
        case .addDestination(let destination):
            "+ destination \(destination.name) (\(destination.connector)\(destination.enabled ? "" : ", disabled"))"
        case .updateDestination(_, let destination, let differences):
            "~ destination \(destination.name): \(differences.joined(separator: ", "))"
        case .removeDestination(_, let name): "- destination \(name)"
        case .limitDestination(_, let name, _, let differences):
            "~ destination \(name): \(differences.joined(separator: ", "))"
        case .pauseDestination(_, let name, let reason, _): "~ destination \(name): paused\(Self.because(reason))"
        case .drainDestination(_, let name, let reason, _): "~ destination \(name): drained\(Self.because(reason))"
        case .resumeDestination(_, let name): "~ destination \(name): resumed"
        case .addConnection(let connection):
            "+ connection \(connection.name)\(Self.chain(connection.transformations))\(Self.wish(connection.selection))\(connection.enabled ? "" : " (disabled)")"
        case .updateConnection(_, let connection, let differences):
            "~ connection \(connection.name): \(differences.joined(separator: ", "))"
        case .removeConnection(_, let name): "- connection \(name)"
        }
    }

    private static func because(_ reason: String) -> String { reason.isEmpty ? "" : " (\(reason))" }

    private static func chain(_ transformations: [Transformation]) -> String {
        transformations.isEmpty ? "" : " through \(transformations.map(\.plugin.description).joined(separator: ", "))"
    }

    private static func wish(_ selection: Selection) -> String {
        selection == .everything ? "" : ", \(selection.line)"
    }

    /// The order in which changes are carried out: nothing goes while it is used, nothing comes before what it needs.
    var rank: Int {
        switch self {
        case .uploadPlugin: 0
        case .activatePlugin: 1
        case .removeConnection: 2
        case .removeDestination: 3
        case .removeWriteKey: 4
        case .removeSource: 5
        case .addSource, .enableSource: 6
        case .addWriteKey, .generateWriteKey, .limitSource, .transformSource: 7
        case .addDestination, .updateDestination, .limitDestination: 8
        case .pauseDestination, .drainDestination, .resumeDestination: 8
        case .addConnection, .updateConnection: 9
        // The last, because it keeps everybody from appending until the whole is committed.
        case .repartitionSource: 10
        }
    }
}
