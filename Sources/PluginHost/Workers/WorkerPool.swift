import Sandbox
import Synchronization

/// Sealed workers without a plugin, started ahead, so that whoever lost a worker goes on at once.
final class WorkerPool: Sendable {
    private let pump: WorkerPump
    private let limits: WorkerLimits
    private let count: Int
    private let spares = Mutex<[Worker]>([])

    init(pump: WorkerPump, limits: WorkerLimits, count: Int) {
        self.pump = pump
        self.limits = limits
        self.count = count
    }

    /// Starts workers until as many wait as should.
    func fill() {
        while spares.withLock({ $0.count }) < count {
            guard let worker = try? pump.startWorker(limits: limits) else { return }
            spares.withLock { $0.append(worker) }
        }
    }

    /// A worker that takes a plugin now, and another one started in its place.
    func take() throws(WorkerStartError) -> Worker {
        defer { fill() }
        while let worker = spares.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            if worker.end == nil { return worker }
        }
        return try pump.startWorker(limits: limits)
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
