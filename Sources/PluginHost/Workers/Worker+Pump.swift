import CLinux
import Glibc
import Sandbox
import Synchronization
import WorkerProtocol

/// What the pump tells a worker; all of it is quick, and nothing here looks at an event.
extension Worker {
    /// The output doorbell rang.
    func hasAnswered() {
        let now = MonotonicTime.now
        guard resume(with: .answered(at: now)) else { return kill(.protocolViolation) }
    }

    /// The control socket has something.
    ///
    /// - Returns: False when nothing more will come.
    func hasSpoken() -> Bool { takeMessage() != .over }

    private enum Taken {
        case message
        case nothing
        /// The socket is closed, or the worker is to be killed for what it said.
        case over
    }

    private func takeMessage() -> Taken {
        var bytes = [UInt8](repeating: 0, count: ControlMessage.size + 1)
        let length = unsafe leat_receive(control.number, &bytes, bytes.count, nil, nil, false)
        if length == -EAGAIN { return .nothing }
        if length == 0 || length == -ECONNRESET {
            state.withLock { $0.isControlClosed = true }
            requestKill()
            return .over
        }
        // A negative length: too long, or with descriptors that nobody asked for.
        let message = length > 0 ? try? ControlMessage(bytes: Array(bytes.prefix(Int(length)))) : nil
        let number = state.withLock { state in
            state.received &+= 1
            return state.received
        }
        guard let message, message.sequence == number, hear(message) else {
            kill(.protocolViolation)
            return .over
        }
        return .message
    }

    /// - Returns: False when the message breaks the protocol.
    private func hear(_ message: ControlMessage) -> Bool {
        switch message.kind {
        case .hello: return message.values[0] == ControlMessage.protocolVersion
        case .sealed:
            state.withLock { state in
                state.sealedAt = MonotonicTime.now
                state.seal = SandboxReport(rawValue: message.values[0])
            }
            return true
        case .ready: return resume(with: .ready)
        case .failed:
            guard let failure = WorkerFailure(rawValue: message.code) else { return false }
            let signal = WorkerSignal.failed(failure, status: Int64(bitPattern: message.values[0]))
            return resume(with: signal) || failure == .sandboxUnavailable && keep(signal)
        case .call:
            let bytes = Int(clamping: message.values[0])
            let isPermitted = state.withLock { state in
                guard let arena = state.calls, bytes <= arena.size else { return false }
                state.isCalling = true
                return true
            }
            return isPermitted && resume(with: .called(bytes: bytes))
        case .drained: return true
        case .load, .replaceArena, .drain, .callArena, .answer: return false
        }
    }

    /// The launcher says that the process is gone, or is gone itself.
    func hasEnded(_ end: WorkerEnd) {
        hear()
        // Its last message may say more than its end.
        while takeMessage() == .message {}
        let (end, waiter, others) = state.withLock { state in
            var end = end
            end.verdict = state.verdict ?? end.verdict
            // It closed its control socket but lived on until the host had it killed for that.
            if end.verdict == nil, end.signal == SIGKILL, state.isControlClosed,
                end.cpuMicroseconds < Int64(clamping: limits.cpuSeconds) * 1_000_000
            {
                end.verdict = .protocolViolation
            }
            state.end = end
            state.watch = nil
            defer {
                state.waiter = nil
                state.endWaiters = []
            }
            return (end, state.waiter, state.endWaiters)
        }
        waiter?.resume(returning: .ended(end))
        for other in others { other.resume() }
    }

    /// The launcher started the process.
    func hasStarted(pid: Int32) {
        state.withLock { $0.pid = pid }
    }

    /// Looks whether the worker has been silent for too long, and has it killed then.
    ///
    /// - Returns: When to look again at the latest, or nil when nothing is awaited from it.
    func look(now: Int64) -> Int64? {
        let (isWatched, pid, output) = state.withLock { ($0.watch != nil, $0.pid, $0.output) }
        guard isWatched else { return nil }
        hear()
        // The owner may replace the arena meanwhile.
        let progress = withExtendedLifetime(output) { unsafe OutputArenaReader.progress(output.shared) }
        var cpu: Int64 = 0
        let isKnown = pid.map { unsafe leat_process_cpu($0, &cpu) == 0 } ?? false
        let (cause, next) = state.withLock { state in
            let cause = state.watch?.look(now: now, progress: progress, cpu: isKnown ? cpu : nil)
            if cause != nil { state.watch = nil }
            return (cause, state.watch?.next)
        }
        if let cause { kill(cause) }
        return next
    }

    /// Keeps what a worker that waits for a plugin says when it cannot seal itself, as when its launcher ends meanwhile.
    ///
    /// - Returns: False when it was sealed, and so cannot say that any more.
    private func keep(_ signal: WorkerSignal) -> Bool {
        state.withLock { state in
            guard state.sealedAt == nil else { return false }
            state.refusal = signal
            return true
        }
    }

    /// - Returns: False when nobody waits.
    private func resume(with signal: WorkerSignal) -> Bool {
        let (isExpected, waiter) = state.withLock { state in
            // Whoever is to be killed has nothing to say any more; its end is what its owner hears.
            guard state.verdict == nil else { return (true, CheckedContinuation<WorkerSignal, Never>?.none) }
            defer {
                state.waiter = nil
                state.watch = nil
            }
            return (state.waiter != nil, state.waiter)
        }
        waiter?.resume(returning: signal)
        return isExpected
    }
}
