import Synchronization

/// How many bytes of requests may be in memory at a time: what does not fit is pushed back to the sender.
final class ByteBudget: Sendable {
    let limit: Int
    private let used = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    var bytesInUse: Int { used.load(ordering: .relaxed) }

    /// Takes `count` bytes, or nothing when they do not fit.
    func take(_ count: Int) -> Bool {
        let (_, now) = used.wrappingAdd(count, ordering: .relaxed)
        guard now <= limit else {
            used.wrappingSubtract(count, ordering: .relaxed)
            return false
        }
        return true
    }

    func give(_ count: Int) {
        used.wrappingSubtract(count, ordering: .relaxed)
    }
}
