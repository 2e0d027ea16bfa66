import EventModel
import PostgreSQL

/// What one tick was told, as `leat.tick` says it.
struct TickAnswer: Sendable {
    /// How a node stands with the others.
    enum Standing: Int64 { case replaced, alive, silent }

    private(set) var standing = Standing.replaced
    private(set) var tenancy = Tenancy.Answer()
    /// The number of the configuration's last change; nil where an older program made the function, which does not say.
    private(set) var revision: Int64?

    init(_ rows: Rows) throws(PostgreSQLError) {
        for row in rows {
            let (id, number) = (Int64(try row.text(1)) ?? 0, Int64(try row.text(4)))
            switch try row.text(0) {
            case "me":
                standing = Standing(rawValue: id) ?? .replaced
                revision = number
            case "gave": tenancy.gave.append(Lease(partition: PartitionID(rawValue: id), epoch: number ?? 0))
            case "held": tenancy.held.append(Lease(partition: PartitionID(rawValue: id), epoch: number ?? 0))
            default:
                let traits = try row.text(5).split(separator: " ")
                tenancy.nodes.append(
                    LivingNode(
                        node: NodeID(rawValue: id),
                        identity: try row.text(2),
                        name: try row.text(3),
                        beats: number ?? 0,
                        serves: traits.contains("serves"),
                        isDraining: traits.contains("draining")
                    )
                )
            }
        }
        tenancy.nodes.sort { $0.node.rawValue < $1.node.rawValue }
    }
}
