import Catalog
import EventLog
import EventModel
import Logging

/// What this node says of delivery to each destination, to people and to the other nodes.
extension Pipeline {
    /// How often it is looked whether there is something else to say than before.
    private static let reportPeriod = Duration.seconds(1)

    /// How delivery stands now, for every destination that has lanes here.
    var deliveries: [DestinationID: DeliveryStanding] {
        var all = fleet.statuses.mapValues { DeliveryStanding(courier: $0) }
        for (destination, (lanes, standing)) in roster.standings {
            all[destination, default: DeliveryStanding()].lanes = lanes.count
            all[destination]?.standing = standing
            all[destination]?.plugins = waits.causes(in: lanes)
        }
        for (destination, lanes) in roster.refusals { all[destination, default: DeliveryStanding()].refused = lanes }
        return all
    }

    /// Tells the other nodes, at most once a second and only what has changed.
    func reportDeliveries() async {
        var told: [DestinationID: String] = [:]
        var teller: NodeID?
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.reportPeriod, clock: .continuous)
            guard let node = log.node else { continue }
            // What an earlier life said has gone with it.
            if node != teller { told = [:] }
            teller = node
            let now = Moment.now
            let reports = deliveries.mapValues { $0.document(at: now).canonicalJSON }
            let news = reports.filter { told[$0.key] != $0.value }
            let gone = told.keys.filter { reports[$0] == nil }
            guard !news.isEmpty || !gone.isEmpty else { continue }
            do throws(EventLogError) {
                try await log.report(news, gone: gone, of: node)
                told = reports
            } catch {
                logger.debug(
                    "How delivery stands could not be told to the other servers.",
                    metadata: ["error.code": "\(error.code)", "error": "\(error)"]
                )
            }
        }
    }
}
