/// All the steps from a snapshot to a declaration, in the order in which they are carried out.
///
/// Made by values alone, so that what a person is shown is exactly what is done.
package struct Plan: Equatable, Sendable {
    package let changes: [Change]

    package init(changes: [Change]) {
        self.changes = changes
    }

    package var isEmpty: Bool { changes.isEmpty }
    package var lines: [String] { changes.map(\.line) }

    /// Compares, and lists everything that forbids the change; with any problem the changes are not to be carried out.
    ///
    /// Pruning removes what a section of the declaration does not name; a section that is absent is left alone, and
    /// uploaded plugins are kept: an old version costs nothing and is the way back. While uploads are pending, plugins
    /// of the declaration may still be missing, because the client uploads them after it has shown the plan.
    package static func make(
        from snapshot: CatalogSnapshot,
        to declaration: Declaration,
        prune: Bool = false,
        uploadsPending: Bool = false
    ) -> (plan: Plan, problems: [Problem]) {
        var planner = Planner(
            snapshot: snapshot,
            declaration: declaration,
            prune: prune,
            uploadsPending: uploadsPending
        )
        planner.planPlugins()
        planner.planSources()
        planner.planDestinations()
        planner.planConnections()
        planner.planRemovals()
        let ordered = planner.changes.enumerated()
            .sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
            .map(\.element)
        return (Plan(changes: ordered), planner.problems.inOrder)
    }
}
