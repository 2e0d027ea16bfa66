import Delivery
import EventModel
import Synchronization

/// All couriers of this node, for whoever must call off everything at once.
///
/// - Owner: the pipeline; its loop enters couriers and lets them leave.
final class Fleet: Sendable {
    private struct State {
        var couriers: [DestinationID: Courier] = [:]
        /// Of couriers that left.
        var cancelled = 0
    }

    private let state = Mutex(State())

    func enter(_ courier: Courier, to destination: DestinationID) {
        state.withLock { $0.couriers[destination] = courier }
    }

    func leave(_ destination: DestinationID) {
        state.withLock { state in
            guard let courier = state.couriers.removeValue(forKey: destination) else { return }
            state.cancelled += courier.cancelledRequests
        }
    }

    func courier(to destination: DestinationID) -> Courier? { state.withLock { $0.couriers[destination] } }

    /// How delivery stands on this node, destination by destination.
    var statuses: [DestinationID: Courier.Status] { state.withLock { $0.couriers }.mapValues(\.status) }

    /// Nothing that is on its way may go on: another node may send it now.
    func callOffAll() {
        for courier in state.withLock({ Array($0.couriers.values) }) { courier.callOffAll() }
    }

    /// Destinations that nothing is sent to for want of a secret.
    var waitingForSecrets: Int {
        state.withLock { state in state.couriers.values.count(where: { $0.waitsForSecret != nil }) }
    }

    /// Requests that were called off under way since the start.
    var cancelledRequests: Int {
        state.withLock { state in state.couriers.values.reduce(state.cancelled) { $0 + $1.cancelledRequests } }
    }
}
