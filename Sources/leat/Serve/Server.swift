import AdminAPI
import Catalog
import Delivery
import EventLog
import EventModel
import Foundation
import Ingestion
import Logging
import Pipeline
import PluginHost
import PostgreSQL
import Sandbox
import ServiceLifecycle
import Telemetry
import UnixSignals

/// Everything that one server owns, made in the order in which one part needs the other, and run as one group.
struct Server {
    static let version = "0.1.0"

    let settings: ServeSettings
    let logger: Logger
    /// What names this node in every run on its data directory.
    let identity: String
    let cluster: Cluster?
    let pool: ConnectionPool
    let log: EventLog
    let catalog: Catalog
    let workshop: Workshop
    let timings: TimingKeeper
    /// The number that this run was first given; the others may have held it for silent since.
    private let node: NodeID
    let sender: Sender
    let pipeline: Pipeline
    let ingestion: Ingestion
    let door: Door
    let metrics = MetricRegistry()

    /// Starts, serves and stops; returns after an orderly end, which SIGTERM and SIGINT may ask for at any time.
    static func run(_ settings: ServeSettings, environment: [String: String]) async throws {
        let logger = Logger(label: "leat")
        // Before anything else: the launcher keeps the rights that this process gives up.
        let launcher = try Launcher.start(program: settings.workerPath)
        OwnMemory.hide()
        OpenFiles.raise()
        let life = Phases { try await live(settings, environment, launcher, logger) }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: life, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
        logger.info("The server has stopped.")
    }

    /// The whole life of a server.
    private static func live(
        _ settings: ServeSettings,
        _ environment: [String: String],
        _ launcher: Launcher,
        _ logger: Logger
    ) async throws {
        let account = geteuid() == 0 ? try Account(named: settings.user) : nil
        let directory = try DataDirectory(
            path: settings.dataDirectory
                ?? DataDirectory.standardPath(environment: environment, isRoot: account != nil),
            owner: account
        )
        let cluster = try privateCluster(settings, directory.path, account, environment, logger)
        let identity = directory.identity
        let keys = try SecretKeyring.load(settings, beside: directory.path, account, logger)
        let limit = ShutdownLimit(cluster: cluster, services: settings.shutdownTimeout, logger: logger)
        try await withGracefulShutdownHandler {
            try await live(settings, identity, account, launcher, cluster, keys, logger)
        } onGracefulShutdown: {
            limit.begin()
        }
    }

    /// The life of a server on a folder and a database that are its own.
    ///
    /// What was started is stopped, whether or not it ever came to serve.
    private static func live(
        _ settings: ServeSettings,
        _ identity: String,
        _ account: Account?,
        _ launcher: Launcher,
        _ cluster: Cluster?,
        _ keys: SecretKeys?,
        _ logger: Logger
    ) async throws {
        let server: Server
        do {
            server = try await cancelWhenGracefulShutdown {
                try await start(cluster)
                try account?.become()
                return try await Server(settings, identity, launcher, cluster, keys, logger)
            }
            // Not to be cancelled: a token that is made must be shown.
            if let token = try await server.catalog.makeFirstToken() {
                Terminal.line("Admin token, shown this once: \(token)")
            }
        } catch {
            await cluster?.stop()
            if Task.isShuttingDownGracefully { return }
            throw error
        }
        try await server.serve()
    }

    /// The private PostgreSQL, not running yet; nil where the operator names a database.
    static func privateCluster(
        _ settings: ServeSettings,
        _ data: String,
        _ account: Account?,
        _ environment: [String: String],
        _ logger: Logger
    ) throws -> Cluster? {
        guard settings.databaseURL == nil else { return nil }
        let sockets = try RuntimeDirectory.make(
            for: data,
            given: settings.runtimeDirectory,
            owner: account,
            environment: environment
        )
        var cluster = ClusterSettings(
            directory: data + "/postgresql",
            socketDirectory: sockets,
            logFile: data + "/postgresql.log"
        )
        cluster.account = account.map { ($0.user, $0.group) }
        return Cluster(cluster) { event in
            switch event {
            case .started: logger.info("The private PostgreSQL runs.")
            case .adopted: logger.notice("The private PostgreSQL of an earlier run goes on.")
            case .died: logger.error("The private PostgreSQL ended by itself and is started again.")
            case .failed(let error):
                logger.error("The private PostgreSQL cannot be started.", metadata: ["error.message": "\(error)"])
            case .stopped: logger.info("The private PostgreSQL is stopped.")
            }
        }
    }

    private static func start(_ cluster: Cluster?) async throws {
        do {
            try await cluster?.start()
        } catch {
            throw RuntimeError("The private PostgreSQL cannot be started: \(error)")
        }
    }

    private init(
        _ settings: ServeSettings,
        _ identity: String,
        _ launcher: Launcher,
        _ cluster: Cluster?,
        _ keys: SecretKeys?,
        _ logger: Logger
    ) async throws {
        self.settings = settings
        self.identity = identity
        self.logger = logger
        self.cluster = cluster
        let pool = ConnectionPool(
            cluster?.connection ?? ConnectionSettings(address: settings.databaseURL ?? ""),
            bounds: .init(connections: settings.databaseConnections)
        )
        self.pool = pool
        try await Migrations.run(pool, identity: identity)
        let log = EventLog(pool, settings: settings.log, logger: logger)
        self.log = log
        try await log.prepare()
        node = try await log.join(
            identity: identity,
            name: settings.nodeName ?? ProcessInfo.processInfo.hostName,
            address: "\(settings.host):\(settings.port)",
            version: Self.version
        )
        let catalog = try await Catalog.open(pool: pool, logger: logger, vault: SecretVault(keys: keys))
        self.catalog = catalog
        let timings = TimingRecorder()
        self.timings = TimingKeeper(recorder: timings, store: TimingStore(pool: pool, node: node), logger: logger)
        workshop = try Workshop(
            launcher: launcher,
            library: PluginLibrary { try await catalog.pluginFile($0) },
            timings: timings
        )
        sender = Sender(version: Self.version, guarding: TargetGuard(allowing: settings.allowedTargets))
        pipeline = Pipeline(
            log: log,
            catalog: catalog,
            workshop: workshop,
            sender: sender,
            logger: logger
        )
        let appender = LogAppender(log, catalog) { [tail = pipeline.tail] in tail.showAccepted($0, $1) }
        let door = Door(nodes: { log.livingNodes }, pushedBack: { log.standing.pushedBack })
        self.door = door
        ingestion = Ingestion(
            settings: settings.ingestion,
            queue: AppendQueue(logger: logger) { try await appender.append($0) },
            refused: RefusedSamples(),
            door: door
        ) { catalog.current }
    }

    /// Runs every part until the server is to end; they end in the opposite order.
    private func serve() async throws {
        registerMetrics()
        var services: [any Service] = []
        if let cluster { services.append(LongLived { try await cluster.run() }) }
        services += [
            LongLived { await pool.run() },
            LastWork { try? await log.leave() },
            LongLived { await timings.run() },
            LongLived { [catalog] in
                try await log.run(for: {
                    let snapshot = catalog.current
                    return snapshot.consumers + snapshot.replayConsumers(at: log.databaseTime)
                })
            },
            catalog,
            LongLived { [catalog, log] in for await revision in log.revisions() { await catalog.learn(revision) } },
            LastWork { await workshop.close() },
            LastWork { try? await sender.shutdown() },
            pipeline,
            RefusedSampleWriter(ingestion.refused, logger: logger) { try await log.refuse($0, of: node) },
            quotas(),
            ingestion.queue,
            application(),
        ]
        let group = ServiceGroup(
            configuration: .init(services: services.map { .init(service: $0) }, logger: logger)
        )
        try await group.run()
    }

    /// Asks the log what sources with a daily limit have sent.
    private func quotas() -> QuotaReader {
        let ledger = DayLedger(log)
        return QuotaReader(door, configuration: { [catalog] in catalog.current }, logger: logger) { sources in
            try await ledger.read(sources)
        }
    }

    private func registerMetrics() {
        let (ingestion, pipeline, recorder) = (ingestion, pipeline, timings.recorder)
        metrics.register { ingestion.metrics() }
        metrics.register { pipeline.metrics() }
        metrics.register { recorder.families() }
        metrics.register { [log] in log.standing.families }
    }
}

extension CatalogSnapshot {
    /// Every connection as a reader of its source's log.
    fileprivate var consumers: [Consumer] {
        connections.map { connection in
            Consumer(
                id: connection.id,
                name: name(of: connection),
                partitions: source(connection.source)?.allPartitionIDs ?? [],
                lag: connection.lag,
                isEnabled: connection.enabled && destination(connection.destination)?.enabled ?? false
            )
        }
    }

    /// Replays keep what they have still to read, for a time and as long as there is room; they push nobody back.
    fileprivate func replayConsumers(at now: Int64) -> [Consumer] {
        replays.filter { $0.state.isOpen && $0.kind == .log }.map { replay in
            Consumer(
                id: replay.id,
                name: "replay \(replay.id)",
                partitions: replay.ranges.map(\.partition),
                lag: now < replay.createdAt + Replay.holdTime.microseconds ? .hold : .expire,
                isEnabled: false,
                isReplay: true
            )
        }
    }
}
