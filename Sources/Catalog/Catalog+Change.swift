import EventModel
import PostgreSQL

private let lockRevision = Statement(
    "catalog.lock",
    "SELECT revision FROM leat.catalog_revision FOR UPDATE"
)
private let endChange = Statement(
    "catalog.changed",
    "SELECT leat.catalog_changed($1, $2)",
    isCancellable: false
)

/// What a change did, with the secrets that are shown this once.
package struct Applied: Equatable, Sendable {
    package let plan: Plan
    /// Write keys that were generated, by the name of their source.
    package let generatedKeys: [GeneratedKey]
    /// The revision in which the change is in force.
    package let revision: Int64
}

/// A write key in clear, on its only way out.
package struct GeneratedKey: Equatable, Sendable {
    package let source: String
    package let key: String
}

extension Catalog {
    /// Makes the configuration what a declaration says, in one transaction; or only says what would change.
    ///
    /// - Throws: `refused` with every problem; nothing was done then.
    package func apply(
        _ declaration: Declaration,
        prune: Bool = false,
        dryRun: Bool = false,
        by who: String
    ) async throws(CatalogError) -> Applied {
        if dryRun {
            let snapshot = try await Self.load(from: pool)
            let (plan, problems) = Plan.make(from: snapshot, to: declaration, prune: prune, uploadsPending: true)
            guard problems.isEmpty else { throw .refused(problems) }
            return Applied(plan: plan, generatedKeys: [], revision: snapshot.revision)
        }
        return try await change(by: who) { snapshot throws(CatalogError) in
            let (plan, problems) = Plan.make(from: snapshot, to: declaration, prune: prune)
            guard problems.isEmpty else { throw .refused(problems) }
            return plan.changes
        }
    }

    /// Carries out the changes that `decide` finds right for the configuration as it is, alone and in one transaction.
    package func change(
        by who: String,
        _ decide: @Sendable (CatalogSnapshot) throws(CatalogError) -> [Change]
    ) async throws(CatalogError) -> Applied {
        let applied = try await CatalogError.translating {
            try await pool.transaction { connection in
                _ = try await connection.query(lockRevision)
                let snapshot = try await Self.load(on: connection)
                let plan = Plan(changes: try decide(snapshot))
                guard !plan.isEmpty else { return Applied(plan: plan, generatedKeys: [], revision: snapshot.revision) }
                var keys: [GeneratedKey] = []
                for change in plan.changes {
                    if let key = try await change.carryOut(on: connection) { keys.append(key) }
                }
                let revision = try await Self.end(plan.lines, by: who, on: connection)
                try await Self.repartition(plan.changes, on: connection)
                return Applied(plan: plan, generatedKeys: keys, revision: revision)
            }
        }
        try await reload()
        return applied
    }

    static func end(_ lines: [String], by who: String, on connection: PostgreSQL.Connection) async throws -> Int64 {
        try await connection.query(endChange, [.text(who), .textArray(lines)]).first?.int8(0) ?? 0
    }

    /// Opens the generations that a plan asks for, and commits.
    ///
    /// Nobody can append to the source from the first of these statements to the commit, so they are one message: also
    /// if this process stops here, the whole of it is carried out or nothing.
    private static func repartition(_ changes: [Change], on connection: PostgreSQL.Connection) async throws {
        let steps = changes.compactMap { change -> String? in
            guard case .repartitionSource(let id, _, _, let count) = change else { return nil }
            return "SELECT leat.change_partitions(\(id.rawValue), \(count)); "
        }
        guard !steps.isEmpty else { return }
        let script = steps.joined() + "COMMIT"
        try await connection.execute(Statement("catalog.change_partitions", script, isCancellable: false))
    }

    static func lock(_ connection: PostgreSQL.Connection) async throws {
        _ = try await connection.query(lockRevision)
    }
}
