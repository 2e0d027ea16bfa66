import CSchema

/// One numbered step of the database's schema.
struct SchemaStep: Sendable {
    let version: Int
    let name: String
    let sql: String

    /// All steps, in order.
    static let all: [SchemaStep] = (0..<leat_migration_count).compactMap { index in
        guard let step = unsafe leat_migration_at(index) else { return nil }
        return unsafe SchemaStep(
            version: Int(step.pointee.version),
            name: String(cString: step.pointee.name),
            sql: String(cString: step.pointee.sql)
        )
    }
}
