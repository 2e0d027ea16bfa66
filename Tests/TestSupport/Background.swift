import Foundation

/// Work that computes for seconds, away from the few threads that all tests share, and behind them.
package enum Background {
    package static func run<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            Thread {
                // On Linux it is the calling thread's alone.
                setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
                continuation.resume(returning: work())
            }.start()
        }
    }
}
