import HTTPTypes
package import Hummingbird
package import HummingbirdCore
import NIOCore

/// Answers the paths of the SDKs and leaves every other one to the next responder.
package struct IngestionResponder<Next: HTTPResponder>: HTTPResponder where Next.Context: RemoteAddressRequestContext {
    private let ingestion: Ingestion
    private let next: Next

    package init(_ ingestion: Ingestion, next: Next) {
        self.ingestion = ingestion
        self.next = next
    }

    package func respond(to request: Request, context: Next.Context) async throws -> Response {
        guard let route = IngestionRoute(path: request.uri.path) else {
            return try await next.respond(to: request, context: context)
        }
        if request.method == .options {
            return Response(status: .noContent, headers: CrossOrigin.preflight(isRead: route.isRead, request.headers))
        }
        return await ingestion.answer(request, route, from: context.remoteAddress).response(to: request)
    }
}

/// The end of the line: a path that nobody serves.
package struct NotFoundResponder<Context: RequestContext>: HTTPResponder {
    package init() {}

    package func respond(to request: Request, context: Context) async throws -> Response {
        Answer(.notFound).response(to: request)
    }
}

/// What ingestion wants to know about a connection.
package struct IngestionContext: RemoteAddressRequestContext {
    package var coreContext: CoreRequestContextStorage
    package let remoteAddress: SocketAddress?

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}

extension HTTPServerBuilder {
    /// HTTP/1.1 with the time-outs and bounds that ingestion needs, and room for larger bodies where they are awaited.
    package static func ingestion(_ settings: IngestionSettings, uploads: UploadRoom? = nil) -> HTTPServerBuilder {
        var guarding = settings.guarding
        guarding.uploads = uploads
        let settled = guarding
        return .http1(
            configuration: .init(
                additionalChannelHandlers: [ConnectionGuard(settled)],
                idleTimeout: TimeAmount(settings.idleTimeout)
            )
        )
    }
}
