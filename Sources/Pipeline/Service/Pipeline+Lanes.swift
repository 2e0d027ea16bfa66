import Catalog
import Delivery
import EventLog
import EventModel
import Logging
import Synchronization

/// Where lanes begin, and which partitions are this node's.
extension Pipeline {
    /// Reads what was committed of a lane; the first of it came with its connection.
    func load(_ lane: LaneID, to destination: DestinationID) async {
        do throws(EventLogError) {
            let state = try await log.lanes(lane.partition, [lane.consumer])[lane.consumer]
            guard let record = state?.record else { throw .laneRemoved }
            let machine = LaneMachine(
                partition: lane.partition,
                destination: destination,
                settings: settings.lane,
                progress: LaneProgress(
                    position: record.position.offset,
                    beyond: record.beyond,
                    counts: record.counts,
                    expired: record.expired
                ),
                parked: (state?.parked ?? []).map { ParkedItem($0) }
            )
            notice.yield(.loaded(lane, LaneStart(machine: machine, record: record)))
        } catch {
            logger.warning(
                "A lane could not be taken up and is tried again.",
                metadata: [
                    "lane": "\(lane.consumer)/\(lane.partition)", "error.code": "\(error.code)", "error": "\(error)",
                ]
            )
            try? await Task.sleep(for: settings.leasePeriod, clock: .continuous)
            notice.yield(.notLoaded(lane))
        }
    }

    /// Takes the leases of all partitions that the catalog knows and nobody alive holds, as long as this node lives.
    func followLeases() async {
        var held: [PartitionID: Int64] = [:]
        var round = 0
        while !Task.isCancelled {
            let wanted = wantedPartitions
            // A node that has everything looks less often.
            let doubts = doubtsLeases.exchange(false, ordering: .relaxed)
            if doubts { held = [:] }
            if log.node != nil, wanted != Set(held.keys) || round % Self.roundsBetweenLooks == 0 {
                do throws(EventLogError) {
                    let leases = try await log.acquire(wanted.sorted())
                    let now = Dictionary(leases.map { ($0.partition, $0.epoch) }) { $1 }
                    if now != held { notice.yield(.leases(now)) }
                    held = now
                } catch {
                    if error.disposition == .stop { held = [:] }
                    logger.warning(
                        "The leases of partitions could not be renewed.",
                        metadata: ["error.code": "\(error.code)", "error": "\(error)"]
                    )
                }
            }
            round += 1
            await sleepOrChange()
        }
    }

    private static let roundsBetweenLooks = 5

    /// Waits for the lease period, or less when the catalog changes.
    private func sleepOrChange() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: self.settings.leasePeriod, clock: .continuous) }
            group.addTask {
                let revision = self.catalog.current.revision
                for await snapshot in self.catalog.snapshots() where snapshot.revision != revision { return }
            }
            await group.next()
            group.cancelAll()
        }
    }

    func releaseLeases() async {
        let partitions = catalog.current.sources.flatMap(\.allPartitionIDs)
        try? await log.release(partitions)
    }
}

extension ParkedItem {
    init(_ record: ParkedRecord) {
        self.init(
            offset: record.offset,
            sliceTime: record.sliceTime,
            part: record.part,
            userHash: record.userHash,
            payload: record.payload,
            attempts: record.attempts,
            since: record.since,
            dueAt: record.dueAt ?? 0,
            receivedAt: record.receivedAt,
            code: record.code
        )
    }

    func record(of lane: LaneID) -> ParkedRecord {
        ParkedRecord(
            lane: lane,
            offset: offset,
            part: part,
            userHash: userHash,
            sliceTime: sliceTime,
            receivedAt: receivedAt,
            attempts: attempts,
            since: since,
            dueAt: dueAt == 0 ? nil : dueAt,
            payload: payload,
            code: code
        )
    }
}
