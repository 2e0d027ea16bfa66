import Synchronization
import TestSupport
import Testing

/// Users who send their events in order: what a server does not keep goes to the next one as it was, until one keeps it.
final class Senders: Sendable {
    static let users = 12
    /// Events of one request.
    private static let events = 2
    private static let pause = Duration.milliseconds(100)
    static let eventsPerSecond = users * events * 10
    /// How long a user tries to get rid of one request.
    private static let patience = Duration.seconds(120)

    /// One request and its answer.
    struct Attempt: Sendable {
        let server: String
        let began: ContinuousClock.Instant
        let ended: ContinuousClock.Instant
        /// Nil when no answer came.
        let status: Int?
        let retryAfter: String?
    }

    private struct State {
        var attempts: [Attempt] = []
        /// How many events of each user were kept.
        var kept: [Int: Int] = [:]
        var isPaused = false
        var hasEnded = false
        /// Users who are about to send, or wait for an answer.
        var busy = 0
    }

    private let shop: Shop
    private let servers: [(name: String, process: ServerProcess)]
    private let state = Mutex(State())

    init(_ shop: Shop, _ servers: [(name: String, process: ServerProcess)]) {
        self.shop = shop
        self.servers = servers
    }

    var attempts: [Attempt] { state.withLock { $0.attempts } }
    var kept: [Int: Int] { state.withLock { $0.kept } }

    /// Sends for as long as `body` runs.
    func during(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in 0..<Self.users { group.addTask { await self.send(as: user) } }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            state.withLock { $0.hasEnded = true }
            try await group.waitForAll()
        }
    }

    private func send(as user: Int) async {
        var next = 0
        while !Task.isCancelled, !state.withLock({ $0.hasEnded }) {
            let mayGo = state.withLock { state in
                if !state.isPaused { state.busy += 1 }
                return !state.isPaused
            }
            if mayGo {
                let isKept = await keep(next..<next + Self.events, of: user)
                state.withLock { $0.busy -= 1 }
                guard isKept else { return }
                next += Self.events
                state.withLock { $0.kept[user] = next }
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// Sends events until a server keeps them; each user begins with a server of their own.
    private func keep(_ numbers: Range<Int>, of user: Int) async -> Bool {
        let end = ContinuousClock.now + Self.patience
        let events = numbers.map { Shop.event(user: user, number: $0) }
        var place = user
        while ContinuousClock.now < end, !Task.isCancelled {
            let server = servers[place % servers.count]
            let began = ContinuousClock.now
            let answer = await shop.send(events, to: server.process)
            let attempt = Attempt(
                server: server.name,
                began: began,
                ended: .now,
                status: answer?.status,
                retryAfter: answer?.retryAfter
            )
            state.withLock { $0.attempts.append(attempt) }
            if answer?.status == 200 { return true }
            place += 1
            try? await Task.sleep(for: Self.pause)
        }
        if !Task.isCancelled { Issue.record("nobody kept the events \(numbers) of user \(user)") }
        return false
    }

    /// Returns when nothing is on its way.
    func pauseSending() async throws {
        state.withLock { $0.isPaused = true }
        let end = ContinuousClock.now + Self.patience
        while state.withLock({ $0.busy > 0 }) {
            try #require(ContinuousClock.now < end, "requests are still on their way")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func goOn() { state.withLock { $0.isPaused = false } }

    /// Waits for so many attempts as wanted.
    func wait(_ words: Comment, times count: Int = 1, until isWanted: (Attempt) -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(90)
        while attempts.count(where: isWanted) < count {
            try #require(ContinuousClock.now < end, words)
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
