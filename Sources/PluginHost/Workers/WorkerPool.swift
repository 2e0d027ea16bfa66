import Sandbox
import Synchronization

/// Sealed workers without a plugin, started ahead, so that whoever lost a worker goes on at once.
///
/// A worker's limits are set when it is started, so the spares follow what was asked for last.
final class WorkerPool: Sendable {
    private let pump: WorkerPump
    private let count: Int
    /// The oldest first.
    private let spares = Mutex<[Worker]>([])

    init(pump: WorkerPump, count: Int) {
        self.pump = pump
        self.count = count
    }

    /// Starts workers with these limits until as many wait as should.
    func fill(_ limits: WorkerLimits) {
        while spares.withLock({ $0.count }) < count {
            guard let worker = try? pump.startWorker(limits: limits) else { return }
            spares.withLock { $0.append(worker) }
        }
    }

    /// A worker with these limits that takes a plugin now, and another one started in its place.
    func take(_ limits: WorkerLimits) throws(WorkerStartError) -> Worker {
        defer { fill(limits) }
        while let worker = spares.withLock({ Self.first(of: &$0, limits) }) {
            if worker.end == nil { return worker }
        }
        // None is like this: the oldest makes room for one that is.
        spares.withLock { $0.count < count || $0.isEmpty ? nil : $0.removeFirst() }?.kill(.hostDied)
        return try pump.startWorker(limits: limits)
    }

    private static func first(of spares: inout [Worker], _ limits: WorkerLimits) -> Worker? {
        spares.firstIndex { $0.limits == limits }.map { spares.remove(at: $0) }
    }

    /// Ends the workers that wait.
    func empty() {
        let workers = spares.withLock { spares in
            defer { spares = [] }
            return spares
        }
        for worker in workers { worker.kill(.hostDied) }
    }
}
