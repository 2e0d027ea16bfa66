import Catalog
import EventLog
import EventModel
import Logging
import Synchronization

/// How lanes follow the changes of their sources' partitions.
extension Pipeline {
    /// How long after a look the next one comes, while something is left of an earlier generation: soon after something
    /// has changed, and then less and less often.
    private static let pauses = Duration.milliseconds(100)...Duration.seconds(2)

    /// Tells the log which partitions there are, and the loop of every change of the catalog, and of what is left of
    /// earlier generations.
    func followCatalog() async {
        var told: (revision: Int64, succession: Succession)?
        var pause = Self.pauses.lowerBound
        while !Task.isCancelled {
            let snapshot = catalog.current
            // Those of all generations, also where nothing is left, so that every node deals out the same.
            if !isClosing.load(ordering: .relaxed) { log.want(Set(snapshot.sources.flatMap(\.allPartitionIDs))) }
            let succession = await succession(of: snapshot)
            if let succession, told?.revision != snapshot.revision || told?.succession != succession {
                notice.yield(.snapshot(snapshot, succession))
                told = (snapshot.revision, succession)
                pause = Self.pauses.lowerBound
            } else {
                pause = min(pause * 2, Self.pauses.upperBound)
            }
            await catalogChange(since: snapshot.revision, atMost: succession?.isOver == true ? nil : pause)
        }
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
    func catalogChange(since revision: Int64, atMost bound: Duration?) async {
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
