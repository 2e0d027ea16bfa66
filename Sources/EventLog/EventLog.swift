package import EventModel
package import Logging
package import PostgreSQL
import Synchronization

/// The durable record of accepted events, and of how far everybody has read them.
///
/// All state is in PostgreSQL; here are the ways to it, the chunks that readers of this node share, and the signals
/// that wake them.
///
/// - Owner: the program; `run()` for as long as it serves.
package final class EventLog: Sendable {
    package let pool: ConnectionPool
    package let settings: EventLogSettings
    /// The partitions' ends as known here, and who waits for them to move.
    package let signals = TailSignals()
    let logger: Logger
    let cache: TailCache
    let slices: Slices
    /// What this program knows of the schema.
    let migrations: Migrations
    let membership = Mutex(Membership())
    let counts = Mutex(LeaseCounts())
    /// One tick at a time: each asks for what the one before was not told.
    let ticking = Turn()
    let damage = Mutex(Damage())
    let clock: DatabaseClock
    let standings = Mutex(Standings())

    package convenience init(
        _ pool: ConnectionPool,
        settings: EventLogSettings = EventLogSettings(),
        logger: Logger = Logger(label: "leat.log")
    ) {
        self.init(pool, settings: settings, logger: logger, wall: DatabaseClock.own)
    }

    /// With another clock of the node's than the system's, or as a program of another version.
    init(
        _ pool: ConnectionPool,
        settings: EventLogSettings,
        logger: Logger,
        wall: @escaping @Sendable () -> Int64 = DatabaseClock.own,
        migrations: Migrations = Migrations()
    ) {
        self.migrations = migrations
        clock = DatabaseClock(wall)
        self.pool = pool
        self.logger = logger
        self.settings = settings
        cache = TailCache(bytes: settings.cacheBytes)
        slices = Slices(pool, settings)
    }

    /// What PostgreSQL's clock says, within a second or so.
    /// - Unit: microseconds since 1970.
    package var databaseTime: Int64 { clock.now }

    /// Makes the slices that the next hours need; once before anything is appended.
    package func prepare() async throws(EventLogError) {
        try await makeAhead()
    }

    /// Makes the static rows of partitions; a source's are made with it.
    package func openPartitions(_ partitions: [PartitionID]) async throws(EventLogError) {
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Statement("open_partitions", "SELECT leat.open_partitions($1)", isCancellable: false),
                [.int8Array(partitions.map(\.rawValue))]
            )
        }
    }
}
