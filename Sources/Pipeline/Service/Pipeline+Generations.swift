import Catalog
import EventLog
import EventModel
import Logging
import Synchronization

/// How lanes follow the changes of their sources' partitions.
extension Pipeline {
    /// What is known of the earlier generations of all sources.
    struct Generations: Sendable {
        /// Those that were closed when it was looked.
        var closed: Set<Generation> = []
        /// The closed partitions in which a lane has something left.
        var unfinished: Set<PartitionID> = []
    }

    /// How long after a look the next one comes, while something is left of an earlier generation: soon after something
    /// has changed, and then less and less often.
    private static let pauses = Duration.milliseconds(100)...Duration.seconds(2)

    /// Tells the loop of every change of the catalog, and of what is left of earlier generations.
    func followCatalog() async {
        var told: (revision: Int64, succession: Succession)?
        var pause = Self.pauses.lowerBound
        while !Task.isCancelled {
            let snapshot = catalog.current
            let succession = await succession(of: snapshot)
            if let succession, told?.revision != snapshot.revision || told?.succession != succession {
                let closed = Set(snapshot.sources.flatMap(\.closed))
                generations.withLock { $0 = Generations(closed: closed, unfinished: succession.partitions) }
                notice.yield(.snapshot(snapshot, succession))
                told = (snapshot.revision, succession)
                pause = Self.pauses.lowerBound
            } else {
                pause = min(pause * 2, Self.pauses.upperBound)
            }
            await catalogChange(since: snapshot.revision, atMost: succession?.isOver == true ? nil : pause)
        }
    }

    /// The partitions whose lanes have something to do: those that take events, and those of earlier generations in which
    /// something is left.
    var wantedPartitions: Set<PartitionID> {
        let sources = catalog.current.sources
        let current = Set(sources.flatMap(\.partitionIDs))
        guard let known = generations.withLock({ $0 }) else { return current }
        // One that was closed just now is looked at soon.
        let closed = sources.flatMap(\.closed).flatMap { generation in
            generation.partitionIDs.filter { !known.closed.contains(generation) || known.unfinished.contains($0) }
        }
        return current.union(closed)
    }

    /// What is left of earlier generations; nil if the database cannot be asked now.
    private func succession(of snapshot: CatalogSnapshot) async -> Succession? {
        do throws(EventLogError) {
            return Succession(try await log.unfinished(snapshot.closedLanes))
        } catch {
            logger.warning(
                "What is left of earlier generations could not be read and is asked again.",
                metadata: ["error.code": "\(error.code)", "error": "\(error)"]
            )
            return nil
        }
    }

    /// Waits until the catalog has another revision than this, or for some time.
    private func catalogChange(since revision: Int64, atMost bound: Duration?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await snapshot in self.catalog.snapshots() where snapshot.revision != revision { return }
                // The catalog has ended; the pipeline does soon.
                try? await Task.sleep(for: Self.pauses.upperBound, clock: .continuous)
            }
            if let bound { group.addTask { try? await Task.sleep(for: bound, clock: .continuous) } }
            await group.next()
            group.cancelAll()
        }
    }
}
