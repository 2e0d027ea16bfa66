import EventModel
import Logging
import PostgreSQL

extension EventLog {
    /// The channel on which nodes tell each other of appends.
    private static let channel = "leat_append"
    /// The channel on which they tell of nodes and leases that come or go.
    private static let leaseChannel = "leat_lease"
    /// The most partitions that one notification names; beyond it, it says "all".
    private static let namedPartitions = 300

    private static let notify = Statement("notify_append", "SELECT pg_notify('leat_append', $1::text)")

    /// Keeps the node alive, the slices made and the readers awake, until the task is cancelled.
    ///
    /// - Parameter consumers: who reads the log now; without it no event is ever dropped.
    /// - Throws: `nodeReplaced` when another run has taken this node's place; the program must stop.
    package func run(for consumers: (@Sendable () async -> [Consumer])? = nil) async throws(EventLogError) {
        signals.setListening(true)
        defer { signals.setListening(false) }
        let outcome = await withTaskGroup(of: EventLogError?.self) { group in
            group.addTask { await self.beatRegularly() }
            group.addTask {
                await self.watchLeases()
                return nil
            }
            group.addTask { await self.tellOthers() }
            group.addTask { await self.listen() }
            group.addTask { await self.watchSchema() }
            group.addTask { await self.pollRegularly() }
            group.addTask { await self.keepUp(consumers) }
            var outcome: EventLogError?
            for await ended in group {
                if let ended, outcome == nil { outcome = ended }
                group.cancelAll()
            }
            return outcome
        }
        if let outcome { throw outcome }
    }

    /// At most one notification per period, and none while this node is alone.
    private func tellOthers() async -> EventLogError? {
        for await _ in signals.appends() {
            let partitions = signals.takeUntold()
            if livingNodes > 1, !partitions.isEmpty {
                let names =
                    partitions.count <= Self.namedPartitions
                    ? partitions.map { String($0.rawValue) }.joined(separator: ",") : "*"
                _ = try? await pool.query(Self.notify, [.text("\(node?.rawValue ?? 0):\(names)")])
            }
            try? await Task.sleep(for: settings.notifyPeriod)
        }
        return nil
    }

    private func listen() async -> EventLogError? {
        await Listener(pool.settings, channels: [Self.channel, Self.leaseChannel]).run { event in
            switch event {
            case .listening: await lookAtEnds()
            case .notification(let news) where news.channel == Self.leaseChannel:
                if Int64(news.payload) != node?.rawValue { urge() }
            case .notification(let news): hear(news.payload)
            }
        }
        return nil
    }

    private func hear(_ payload: String) {
        let parts = payload.split(separator: ":")
        guard parts.count == 2, Int64(parts[0]) != node?.rawValue else { return }
        let partitions = parts[1].split(separator: ",").map { Int64($0).map(PartitionID.init(rawValue:)) }
        signals.wake(partitions.contains(nil) ? nil : partitions.compactMap { $0 })
    }

    /// Ends the log's run where a newer program has changed the database such that this one cannot go on.
    private func watchSchema() async -> EventLogError? {
        let (refusals, refusal) = AsyncStream.makeStream(of: EventLogError.self)
        return await withTaskGroup(of: EventLogError?.self) { group in
            group.addTask {
                await Listener(self.pool.settings, channels: [Migrations.channel]).run { _ in
                    if let error = await self.schemaRefusal() { refusal.yield(error) }
                }
                return nil
            }
            group.addTask {
                for await error in refusals { return error }
                return nil
            }
            let ended = await group.next() ?? nil
            group.cancelAll()
            return ended
        }
    }

    /// Why this program cannot go on with the database, asked until there is an answer; nil if it can.
    private func schemaRefusal() async -> EventLogError? {
        while !Task.isCancelled {
            do throws(EventLogError) {
                try await migrations.checkFit(pool)
                return nil
            } catch {
                switch error {
                case .newerSchema, .newerRoutines: return error
                default: try? await Task.sleep(for: settings.beatPeriod)
                }
            }
        }
        return nil
    }

    /// The safety net under all signals.
    private func pollRegularly() async -> EventLogError? {
        while !Task.isCancelled {
            try? await Task.sleep(for: settings.pollPeriod)
            await lookAtEnds()
        }
        return nil
    }

    /// Asks once for the ends of all partitions that somebody reads here, and wakes the readers of those that grew
    /// without a signal.
    private func lookAtEnds() async {
        do throws(EventLogError) {
            let partitions = signals.watched
            if !partitions.isEmpty { signals.found(try await accepted(partitions)) }
        } catch {
            // Nobody knows what was missed, so everybody looks as soon as that is possible.
            signals.wake(nil)
        }
    }

    private func keepUp(_ consumers: (@Sendable () async -> [Consumer])?) async -> EventLogError? {
        while !Task.isCancelled {
            do throws(EventLogError) {
                try await upkeep(for: await consumers?())
            } catch {
                if !Task.isCancelled { report("The log's slices could not be looked after", error) }
            }
            let isFull = !standing.pushedBack.isEmpty
            try? await Task.sleep(for: isFull ? settings.fullUpkeepPeriod : settings.upkeepPeriod)
        }
        return nil
    }
}
