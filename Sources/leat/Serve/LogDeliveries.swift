import AdminAPI
import EventLog

extension DeliveryDesk {
    /// Delivery as the servers tell of it in the database.
    static func live(log: EventLog) -> DeliveryDesk {
        DeliveryDesk(
            nodes: { destination in
                try await log.reports(of: destination).map { NodeDelivery(node: $0.node, age: $0.age, text: $0.text) }
            },
            left: { connections, until in try await log.left(of: connections, until: until) }
        )
    }
}
