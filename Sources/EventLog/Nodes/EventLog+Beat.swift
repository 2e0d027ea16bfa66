import Logging
import PostgreSQL
import Synchronization

/// The node's pulse: one tick each period, and one at once when there is something to say.
extension EventLog {
    /// The shortest time between two ticks.
    private static let tickPause = Duration.milliseconds(20)

    /// Ticks until the task is cancelled or another run has taken this node's place.
    ///
    /// It has a session of its own: a sign of life must not wait behind appends for one of the pool's.
    func beatRegularly() async -> EventLogError? {
        let (urges, urge) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        membership.withLock { $0.urge = urge }
        return await withTaskGroup(of: EventLogError?.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    urge.yield()
                    try? await Task.sleep(for: self.settings.beatPeriod, clock: .continuous)
                }
                return nil
            }
            group.addTask {
                var pulse = Pulse()
                var isFailing = false
                for await _ in urges {
                    do throws(EventLogError) {
                        if self.node != nil { try await self.beat(&pulse) }
                        isFailing = false
                    } catch {
                        if error == .nodeReplaced { return error }
                        if !isFailing, !Task.isCancelled { self.report("A sign of life could not be given", error) }
                        isFailing = true
                    }
                    try? await Task.sleep(for: Self.tickPause, clock: .continuous)
                }
                await pulse.session?.close()
                return nil
            }
            let outcome = await group.next() ?? nil
            group.cancelAll()
            return outcome
        }
    }

    /// The session over which ticks go.
    private struct Pulse {
        var session: Connection?
        /// Whether one was lost, and nothing answered since.
        var isLost = false
    }

    private func beat(_ pulse: inout Pulse) async throws(EventLogError) {
        if let session = pulse.session, !session.isClean {
            await session.close()
            (pulse.session, pulse.isLost) = (nil, true)
        }
        if pulse.session == nil {
            pulse.session = try await translated { () async throws(PostgreSQLError) in
                try await Connection.open(pool.settings)
            }
        }
        guard let session = pulse.session else { return }
        let isUrgent = try await tick { statement throws(PostgreSQLError) in try await session.execute(statement) }
        if pulse.isLost {
            pulse.isLost = false
            membership.withLock { _ = $0.survivor?.yield() }
        }
        if isUrgent { urge() }
    }

    /// Gives the alarm when the leases have run out, once until they hold again.
    func watchLeases() async {
        while !Task.isCancelled {
            guard let lapse, lapse > .now else {
                // Nothing is sent without a lease, so it is soon enough to look once a beat.
                try? await Task.sleep(for: settings.beatPeriod, clock: .continuous)
                continue
            }
            try? await Task.sleep(until: lapse, clock: .continuous)
            guard !maySend, !Task.isCancelled else { continue }
            counts.withLock { $0.lapses += 1 }
            membership.withLock { _ = $0.alarm?.yield() }
            logger.warning("No sign of life was confirmed for the lease time; what is on its way is called off.")
        }
    }

    /// Says what an operator wants to know of nodes and partitions that come and go.
    func tell(of before: Tenancy, _ after: Tenancy) {
        if before.isDraining != after.isDraining {
            logger.notice(
                after.isDraining
                    ? "This node is drained: it hands its partitions over, and still accepts events."
                    : "This node is not drained any more and takes partitions again."
            )
        }
        let here = Set(after.nodes.map(\.node))
        for node in before.nodes where !here.contains(node.node) {
            logger.notice(
                "A node left, or fell silent.",
                metadata: ["node": "\(node.name)", "identity": "\(node.identity)"]
            )
        }
        let known = Set(before.nodes.map(\.node))
        for node in after.nodes where node.node != after.node && !known.contains(node.node) {
            logger.notice("A node joined.", metadata: ["node": "\(node.name)", "identity": "\(node.identity)"])
        }
        let (taken, gone) = (
            Set(after.held.keys).subtracting(before.held.keys), Set(before.held.keys).subtracting(after.held.keys)
        )
        guard !taken.isEmpty || !gone.isEmpty else { return }
        logger.info(
            "Partitions have changed hands.",
            metadata: ["taken": "\(taken.count)", "given": "\(gone.count)", "held": "\(after.held.count)"]
        )
    }

    func report(_ sentence: Logger.Message, _ error: EventLogError) {
        logger.warning(sentence, metadata: ["error.code": "\(error.code)", "error.message": "\(error)"])
    }
}
