import Delivery
import Synchronization

/// All couriers of this node, for whoever must call off everything at once.
///
/// - Owner: the pipeline; its loop enters couriers and lets them leave.
final class Fleet: Sendable {
    private struct State {
        var couriers: [ObjectIdentifier: Courier] = [:]
        /// Of couriers that left.
        var cancelled = 0
    }

    private let state = Mutex(State())

    func enter(_ courier: Courier) { state.withLock { $0.couriers[ObjectIdentifier(courier)] = courier } }

    func leave(_ courier: Courier) {
        state.withLock { state in
            guard state.couriers.removeValue(forKey: ObjectIdentifier(courier)) != nil else { return }
            state.cancelled += courier.cancelledRequests
        }
    }

    /// Nothing that is on its way may go on: another node may send it now.
    func callOffAll() {
        for courier in state.withLock({ Array($0.couriers.values) }) { courier.callOffAll() }
    }

    /// Requests that were called off under way since the start.
    var cancelledRequests: Int {
        state.withLock { state in state.couriers.values.reduce(state.cancelled) { $0 + $1.cancelledRequests } }
    }
}
