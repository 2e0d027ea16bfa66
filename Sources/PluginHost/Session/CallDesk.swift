import WorkerProtocol

/// Answers what a plugin asks while it is created or works on one batch.
struct CallDesk {
    private let calls: HostCalls?
    private var requests = 0
    /// How long the plugin has waited for the host, in nanoseconds: no time of its own.
    private(set) var waited: Int64 = 0

    /// The most requests while one batch is worked on.
    static let mostRequests = 4_096

    init(_ calls: HostCalls?) { self.calls = calls }

    /// Answers a call; the plugin goes on under `watch`.
    ///
    /// - Returns: What its worker does next; the worker is gone when it asked for what cannot be read.
    mutating func serve(_ worker: Worker, bytes: Int, watch: Watch) async -> WorkerSignal {
        let began = MonotonicTime.now
        let call: HostCall
        do throws(ArenaError) {
            call = try worker.call(bytes: bytes)
        } catch {
            worker.kill(.protocolViolation)
            await worker.ended()
            return .ended(worker.end ?? WorkerEnd(verdict: .protocolViolation))
        }
        let answer = await answer(to: call, within: .nanoseconds(watch.patience(at: began)))
        let now = MonotonicTime.now
        waited += now - began
        return await worker.reply(answer, watch: watch.resumed(at: now))
    }

    private mutating func answer(to call: HostCall, within limit: Duration) async -> HostAnswer {
        guard let calls else { return .refused(.denied) }
        switch call {
        case .fetch(let asked):
            requests += asked.count
            guard requests <= Self.mostRequests else { return .refused(.limit) }
            let responses = await calls.fetch(asked, limit, HostCall.bodyBytes(of: asked.count))
            return responses.count == asked.count ? .responses(responses) : .refused(.internalError)
        case .reference(let name):
            switch calls.reference(name) {
            case .success(let word): return .text(Array(word.utf8))
            case .failure(let refusal): return .refused(refusal)
            }
        }
    }
}
