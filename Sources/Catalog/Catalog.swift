package import Logging
package import PostgreSQL
import ServiceLifecycle
import Synchronization

/// Owns this node's view of the configuration: reads it, changes it, and tells everybody when it changed.
///
/// Readers take ``current`` or follow ``snapshots()``; nobody waits for the database to handle an event. A change made
/// on any node reaches every other by notification. Should that be lost, somebody who asks the database anyway tells of it
/// with ``learn(_:)``; while nobody does, a slow poll finds it.
package final class Catalog: Service {
    struct State {
        var snapshot: CatalogSnapshot
        var followers: [UInt64: AsyncStream<CatalogSnapshot>.Continuation] = [:]
        var nextFollower: UInt64 = 0
        /// Whoever hears what other nodes say of the pace.
        var paceNotes: AsyncStream<String>.Continuation?
        /// Whether somebody told the revision since the last poll was due.
        var isTold = false
        /// The secrets that were said to be locked.
        var locked: [String: SecretVault.Lock] = [:]
    }

    let pool: ConnectionPool
    /// Where the secrets of the snapshots are opened.
    package let vault: SecretVault
    private let logger: Logger
    let state: Mutex<State>

    /// How often the revision is looked up when nobody tells it.
    private let pollInterval: Duration
    package static let channel = "leat_catalog"
    /// Where nodes tell each other which destinations answered 429.
    package static let paceChannel = "leat_pace"

    /// Reads the configuration once, so that there is a snapshot from the first moment.
    package static func open(
        pool: ConnectionPool,
        logger: Logger,
        pollInterval: Duration = .seconds(5),
        vault: SecretVault = SecretVault()
    ) async throws(CatalogError) -> Catalog {
        Catalog(pool, logger, pollInterval, vault, try await load(from: pool))
    }

    private init(
        _ pool: ConnectionPool,
        _ logger: Logger,
        _ pollInterval: Duration,
        _ vault: SecretVault,
        _ snapshot: CatalogSnapshot
    ) {
        self.pool = pool
        self.vault = vault
        self.logger = logger
        self.pollInterval = pollInterval
        state = Mutex(State(snapshot: snapshot))
        tellOfLocked(in: snapshot)
    }

    /// The newest configuration that this node knows.
    package var current: CatalogSnapshot { state.withLock { $0.snapshot } }

    /// The secrets that this node cannot open, and why.
    package var lockedSecrets: [String: SecretVault.Lock] { state.withLock { $0.locked } }

    /// The current snapshot and then every newer one; a slow reader misses those in between, never the last.
    package func snapshots() -> AsyncStream<CatalogSnapshot> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: CatalogSnapshot.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let number = state.withLock { state in
            let number = state.nextFollower
            state.nextFollower += 1
            state.followers[number] = continuation
            continuation.yield(state.snapshot)
            return number
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.followers.removeValue(forKey: number) }
        }
        return stream
    }

    /// Follows the changes of all nodes until shutdown.
    package func run() async {
        let listener = Listener(pool.settings, channels: [Self.channel, Self.paceChannel])
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await listener.run { await self.hear($0) } }
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: self.pollInterval)
                        if !self.wasTold() { await self.refresh() }
                    }
                }
            }
        }
        finish()
    }

    private func hear(_ event: ListenEvent) async {
        if case .notification(let notification) = event, notification.channel == Self.paceChannel {
            state.withLock { $0.paceNotes }?.yield(notification.payload)
        } else {
            await refresh()
        }
    }

    /// Reads the configuration if it changed since it was read last.
    package func reload() async throws(CatalogError) {
        guard try await Self.revision(in: pool) != current.revision else { return }
        publish(try await Self.load(from: pool))
    }

    /// Learns the revision as it stands in the database, and reads the configuration if that is a newer one.
    package func learn(_ revision: Int64) async {
        let isNews = state.withLock { state in
            state.isTold = true
            return revision > state.snapshot.revision
        }
        if isNews { await refresh() }
    }

    /// Whether the revision was told since this was asked last.
    private func wasTold() -> Bool {
        state.withLock { state in
            defer { state.isTold = false }
            return state.isTold
        }
    }

    private func refresh() async {
        do throws(CatalogError) {
            try await reload()
        } catch {
            guard !Task.isCancelled else { return }
            logger.warning(
                "The configuration could not be read; the last one stays in force.",
                metadata: ["error.code": "\(error.code)", "error.message": "\(error)"]
            )
        }
    }

    /// Takes a snapshot over unless a newer one came first.
    private func publish(_ snapshot: CatalogSnapshot) {
        let isNews = state.withLock { state in
            guard snapshot.revision > state.snapshot.revision else { return false }
            state.snapshot = snapshot
            for follower in state.followers.values { follower.yield(snapshot) }
            return true
        }
        if isNews { tellOfLocked(in: snapshot) }
    }

    /// Says which secrets this node cannot open, once for each and each reason.
    private func tellOfLocked(in snapshot: CatalogSnapshot) {
        vault.forget(allBut: snapshot.secrets)
        var locked: [String: SecretVault.Lock] = [:]
        for secret in snapshot.secrets {
            if case .failure(let lock) = vault.open(secret) { locked[secret.name] = lock }
        }
        let before = state.withLock { state in
            defer { state.locked = locked }
            return state.locked
        }
        for (name, lock) in locked.sorted(by: { $0.key < $1.key }) where before[name] != lock {
            logger.error(
                "A secret cannot be opened, so what needs it waits.",
                metadata: ["secret": "\(name)", "reason": "the secret \(lock.reason)"]
            )
        }
    }

    private func finish() {
        let followers = state.withLock { state in
            defer { state.followers.removeAll() }
            return Array(state.followers.values)
        }
        for follower in followers { follower.finish() }
    }
}
