extension Replay {
    /// Why it stands still although it is running, in words for people; nil where nothing of the catalog holds it up.
    ///
    /// A destination that drains is to come to its end, so that nothing is sent to it again meanwhile.
    package func halt(in snapshot: CatalogSnapshot) -> String? {
        guard let connection = snapshot.connection(connection),
            let destination = snapshot.destination(connection.destination)
        else { return nil }
        if !connection.enabled { return "its connection is switched off" }
        if !destination.enabled { return "the destination \(destination.name) is switched off" }
        switch destination.state {
        case .running: return nil
        case .paused: return "the destination \(destination.name) is paused"
        case .draining: return "the destination \(destination.name) is drained"
        }
    }
}
