package import Catalog
package import Delivery
package import EventLog
package import EventModel
package import Logging
package import PluginHost
import ServiceLifecycle
import Synchronization

/// Runs the lanes of this node: every enabled connection reads every partition that the node leases.
///
/// One loop owns which lanes there are. It follows the catalog and the leases, starts lanes from what was committed,
/// gives running ones other plugins when the catalog says so, and stops those that are not wanted any more. Progress of
/// all lanes is committed together by the checkpointer.
///
/// - Owner: the program.
package final class Pipeline: Service {
    /// What the loop is told.
    enum Notice: Sendable {
        case snapshot(CatalogSnapshot, Succession)
        /// The leases of this node may have changed.
        case leases
        /// A lease turned out to be gone.
        case lost(Lease)
        /// The database will not take what happened to a lane.
        case refused(LaneID)
        case loaded([LaneID: LaneStart])
        case notLoaded([LaneID])
        case ended(LaneID)
        /// A lane that ended is committed, so it may be started again.
        case settled(LaneID)
        /// What runs is to be compared with what should, once for all that came before.
        case arrange
        case shutdown
    }

    let log: EventLog
    let catalog: Catalog
    let workshop: Workshop
    let sender: Sender
    let settings: PipelineSettings
    let logger: Logger
    let checkpointer: Checkpointer
    let duplicates: DuplicateWindow
    /// Where people watch what passes.
    package let tail = TailHub()
    /// What waits for plugins that cannot run.
    let waits = PluginWaits()
    /// How much is kept of the ways of events.
    let traces = TraceCounts()
    /// What lanes read and their connections do not want.
    let excluded = ExclusionCounts()
    let notices: AsyncStream<Notice>
    let notice: AsyncStream<Notice>.Continuation
    /// Where events go through plugins for those who only want to see.
    package let rehearsal: Rehearsal
    /// How fast the replays of this node may read.
    let paces = ReplayPaces()
    /// Everybody who sends, and every lane.
    let fleet = Fleet()
    let roster = Roster()
    /// What destinations say of themselves as a whole.
    let relay: PaceRelay
    let isClosing = Atomic<Bool>(false)
    /// How many lanes stand still because the database refuses what happened in them.
    let refusedLanes = Atomic<Int>(0)

    /// The revision of the configuration that the lanes of this node were arranged by last.
    let arranged = Atomic<Int64>(0)

    package init(
        log: EventLog,
        catalog: Catalog,
        workshop: Workshop,
        sender: Sender,
        settings: PipelineSettings = PipelineSettings(),
        logger: Logger
    ) {
        self.log = log
        self.catalog = catalog
        self.workshop = workshop
        self.sender = sender
        self.settings = settings
        self.logger = logger
        duplicates = DuplicateWindow(log)
        relay = PaceRelay(catalog: catalog, log: log, fleet: fleet, logger: logger)
        rehearsal = Rehearsal(workshop: workshop, logger: logger)
        let (notices, notice) = AsyncStream.makeStream(of: Notice.self)
        (self.notices, self.notice) = (notices, notice)
        checkpointer = Checkpointer(log: log, period: settings.checkpointPeriod, logger: logger) { news in
            switch news {
            case .lost(let lease): notice.yield(.lost(lease))
            case .refused(let lane): notice.yield(.refused(lane))
            }
        }
    }

    /// Runs until graceful shutdown: lanes stop reading, finish what is under way within a bound, and are committed.
    package func run() async {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.followCatalog() }
                group.addTask { await self.followReplays() }
                group.addTask { await self.checkpointer.run() }
                group.addTask { await self.reportDeliveries() }
                group.addTask { await self.relay.run() }
                group.addTask { await self.tail.run() }
                group.addTask { for await _ in self.log.returns() { self.checkpointer.doubt() } }
                group.addTask { for await _ in self.log.holdings() { self.notice.yield(.leases) } }
                group.addTask {
                    for await _ in self.log.lapses() where !self.log.maySend { self.fleet.callOffAll() }
                }
                var floor = LaneFloor(self)
                for await notice in self.notices {
                    if Task.isCancelled { break }
                    floor.take(notice, &group)
                    if floor.isClosed { break }
                }
                await floor.close()
                group.cancelAll()
            }
            await self.checkpointer.commit()
            await self.releaseLeases()
        } onGracefulShutdown: {
            self.shutDown()
        }
    }

    /// How delivery stands on this node, for every destination that its lanes deliver to.
    package var deliveryStatus: [DestinationID: Courier.Status] { fleet.statuses }

    /// Follows single events.
    package var paths: PathFinder { PathFinder(log: log, catalog: catalog, rehearsal: rehearsal) }

    /// Lets ``run()`` come to its end in order.
    package func shutDown() {
        isClosing.store(true, ordering: .relaxed)
        tail.close()
        log.want(nil)
        notice.yield(.shutdown)
    }
}

/// How the pipeline of a node behaves.
package struct PipelineSettings: Sendable {
    package var lane = LaneSettings()
    /// How often progress is committed, when there is any.
    package var checkpointPeriod = Duration.milliseconds(100)
    /// How long it takes until lanes are tried again that could not be taken up.
    package var retryPeriod = Duration.seconds(1)
    /// How long a shutdown waits for a failing database to take what the lanes did last, beginning with the shutdown;
    /// the rest is delivered again.
    package var farewell = Duration.seconds(10)

    package init() {}
}
