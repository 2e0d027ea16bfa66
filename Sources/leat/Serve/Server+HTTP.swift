import AdminAPI
import Catalog
import EventLog
import Hummingbird
import Ingestion
import Logging
import NIOCore
import PostgreSQL
import Telemetry

extension Server {
    private static let question = Statement("health", "SELECT 1", timeout: .seconds(2))

    /// The HTTP server: the paths of the SDKs first, then health, metrics and administration.
    func application() -> some ApplicationProtocol {
        let router = Router(context: IngestionContext.self)
        let (metrics, pool) = (metrics, pool)
        router.get("/metrics") { _, _ in
            let text = metrics.exposition()
            return Response(
                status: .ok,
                headers: [.contentType: Exposition.contentType],
                body: .init(byteBuffer: ByteBuffer(string: text))
            )
        }
        router.get("/health") { _, _ in
            do {
                _ = try await pool.query(Self.question)
                return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: "{\"status\":\"up\"}\n")))
            } catch {
                let text = "{\"status\":\"down\",\"code\":\"database\",\"message\":\"The database does not answer.\"}\n"
                return Response(status: .serviceUnavailable, body: .init(byteBuffer: ByteBuffer(string: text)))
            }
        }
        let reports = Reports.live(catalog: catalog, log: log, timings: timings)
        let api = AdminAPI(catalog: catalog, reports: reports, vet: PluginIntake.vet, logger: logger)
        api.addRoutes(to: router)
        let settings = settings
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
                Terminal.line("Leat serves at http://\(settings.host):\(port)")
            },
            logger: logger
        )
    }
}
