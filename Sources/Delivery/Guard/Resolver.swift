import EventModel
import NIOCore
import NIOPosix
import Synchronization

/// Finds the addresses of names on threads of its own, since the system's resolver blocks.
///
/// Each name is asked for once at a time, however many wait for it, so one that hangs takes one thread and holds up
/// nobody else.
///
/// - Owner: the sender.
package final class Resolver: Sendable {
    /// Asks for the addresses of a name and blocks meanwhile.
    package typealias Lookup = @Sendable (String) -> LookupAnswer

    /// Names that can be asked for at once.
    package static let threads = 16
    /// Names that may wait for a thread; a further one fails at once.
    package static let maximumNames = 4096
    /// How long a request waits for the addresses of its host, and never longer than it may take itself.
    package static let longestWait = Duration.seconds(10)

    private struct State {
        /// Who waits, for each name that is being asked for.
        var waiting: [String: [EventLoopPromise<LookupAnswer>]] = [:]
        var isStopped = false
    }

    private let pool = NIOThreadPool(numberOfThreads: Resolver.threads)
    private let lookup: Lookup
    private let state = Mutex(State())

    package init(_ lookup: @escaping Lookup = { SystemLookup.ask($0) }) {
        self.lookup = lookup
    }

    /// The addresses of a name.
    ///
    /// - Throws: `nameTimeout` when it takes longer than `limit`, and what the resolver says instead of addresses.
    func addresses(of name: String, within limit: Duration) async throws(TransportFault) -> [IPAddress] {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let answer = loop.makePromise(of: LookupAnswer.self)
        let alarm = loop.scheduleTask(in: TimeAmount(min(limit, Self.longestWait))) {
            answer.fail(TransportFault.nameTimeout)
        }
        defer { alarm.cancel() }
        ask(for: name, answer)
        do {
            let found = try await withTaskCancellationHandler {
                try await answer.futureResult.get()
            } onCancel: {
                answer.fail(TransportFault.cancelled)
            }
            switch found {
            case .addresses(let addresses): return addresses
            case .none: throw TransportFault.nameNotFound
            case .failed: throw TransportFault.nameLookup
            }
        } catch {
            throw error as? TransportFault ?? .nameLookup
        }
    }

    private func ask(for name: String, _ answer: EventLoopPromise<LookupAnswer>) {
        let isNew = state.withLock { state -> Bool? in
            guard !state.isStopped, state.waiting[name] != nil || state.waiting.count < Self.maximumNames else {
                return nil
            }
            state.waiting[name, default: []].append(answer)
            return state.waiting[name]?.count == 1
        }
        guard let isNew else { return answer.succeed(.failed) }
        guard isNew else { return }
        // Without effect but for the first name: a server that is given addresses alone has no such threads.
        pool.start()
        pool.submit { [self] work in
            let found = work == .active ? lookup(name) : .failed
            for answer in state.withLock({ $0.waiting.removeValue(forKey: name) ?? [] }) { answer.succeed(found) }
        }
    }

    /// Ends the threads; a lookup that is under way is not waited for.
    func shutdown() {
        let left = state.withLock { state in
            state.isStopped = true
            defer { state.waiting = [:] }
            return state.waiting.values.flatMap { $0 }
        }
        for answer in left { answer.succeed(.failed) }
        pool.shutdownGracefully { _ in }
    }
}
