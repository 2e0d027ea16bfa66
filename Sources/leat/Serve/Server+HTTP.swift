import AdminAPI
import Catalog
import EventLog
import HTTPTypes
import Hummingbird
import Ingestion
import Logging
import NIOCore
import Pipeline
import PostgreSQL
import Telemetry

extension Server {
    private static let question = Statement("health", "SELECT 1", timeout: .seconds(2))

    /// The HTTP server: the paths of the SDKs first, then health, metrics and administration.
    func application() -> some ApplicationProtocol {
        let router = Router(context: IngestionContext.self)
        let metrics = metrics
        router.get("/metrics") { _, _ in
            let text = metrics.exposition()
            return Response(
                status: .ok,
                headers: [.contentType: Exposition.contentType],
                body: .init(byteBuffer: ByteBuffer(string: text))
            )
        }
        addHealth(to: router)
        let reports = Reports.live(catalog: catalog, log: log, timings: timings)
        let api = AdminAPI(
            catalog: catalog,
            reports: reports,
            nodes: .live(catalog: catalog, log: log),
            deliveries: .live(log: log),
            paths: .live(catalog: catalog, pipeline: pipeline),
            replays: .live(pipeline, log),
            letters: .live(log: log),
            tail: .live(node: identity, pipeline.tail),
            vet: PluginIntake.vet,
            logger: logger
        )
        api.addRoutes(to: router)
        let (settings, log) = (settings, log)
        let uploads = UploadRoom(
            prefix: AdminAPI.uploadRoot,
            bytes: AdminAPI.maximumUploadBytes,
            seconds: AdminAPI.uploadSeconds,
            isAllowed: api.mayUpload
        )
        return Application(
            responder: IngestionResponder(ingestion, next: router.buildResponder()),
            server: .ingestion(ingestion.settings, uploads: uploads),
            configuration: .init(address: .hostname(settings.host, port: settings.port), serverName: "leat"),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? settings.port
                // The other nodes' operators see where it listens; without it they see the setting.
                try? await log.announce(address: "\(settings.host):\(port)")
                Terminal.line("Leat serves at http://\(settings.host):\(port)")
            },
            logger: logger
        )
    }

    /// Whether the process lives, and whether it is ready: `/health` is the same as `/health/ready`.
    ///
    /// A node that is drained accepts events as before, so it is ready and says that it is drained.
    private func addHealth(to router: Router<IngestionContext>) {
        let (pool, log) = (pool, log)
        @Sendable func answer(_ status: HTTPResponse.Status, _ text: String) -> Response {
            Response(
                status: status,
                headers: [.contentType: "application/json"],
                body: .init(byteBuffer: ByteBuffer(string: text + "\n"))
            )
        }
        router.get("/health/live") { _, _ in answer(.ok, "{\"status\":\"up\"}") }
        for path in ["/health", "/health/ready"] as [RouterPath] {
            router.get(path) { _, _ in
                do {
                    _ = try await pool.query(Self.question)
                } catch {
                    let words = "\"code\":\"database\",\"message\":\"The database does not answer.\""
                    return answer(.serviceUnavailable, "{\"status\":\"down\",\(words)}")
                }
                let holding = log.holding
                if holding.isStranded {
                    let message = "Every server is drained, so no lane runs anywhere."
                    return answer(
                        .ok,
                        "{\"status\":\"draining\",\"code\":\"all_drained\",\"message\":\"\(message)\"}"
                    )
                }
                return answer(.ok, holding.isDraining ? "{\"status\":\"draining\"}" : "{\"status\":\"up\"}")
            }
        }
    }
}
