package import Catalog
import EventModel
package import HTTPTypes
package import Hummingbird
package import Logging

/// The interface by which programs and the command line see and change everything: REST below `/api/v1`, with a
/// bearer token, described by `/api/v1/openapi.json`.
package struct AdminAPI: Sendable {
    let catalog: Catalog
    let reports: Reports
    let nodes: NodeDesk
    let deliveries: DeliveryDesk
    let paths: PathDesk
    let replays: ReplayDesk
    let letters: LetterDesk
    let tail: TailDesk
    let vet: PluginVetting
    let uploads = UploadGate()
    private let logger: Logger

    package static let root = "/api/v1"
    /// What the paths of uploads begin with, and the longest body of one: a library, a manifest and what parts them.
    package static let uploadRoot = root + "/plugins/"
    package static let maximumUploadBytes = PluginVersion.maximumBytes + PluginVersion.maximumManifestBytes + 16 * 1024
    /// How long an upload may take to arrive.
    /// - Unit: seconds.
    package static let uploadSeconds: Int64 = 600

    package init(
        catalog: Catalog,
        reports: Reports,
        nodes: NodeDesk,
        deliveries: DeliveryDesk,
        paths: PathDesk,
        replays: ReplayDesk,
        letters: LetterDesk,
        tail: TailDesk,
        vet: @escaping PluginVetting,
        logger: Logger
    ) {
        self.catalog = catalog
        self.reports = reports
        self.nodes = nodes
        self.deliveries = deliveries
        self.paths = paths
        self.replays = replays
        self.letters = letters
        self.tail = tail
        self.vet = vet
        self.logger = logger
    }

    /// Everything that can be asked for.
    var operations: [Operation] {
        [descriptionOperation] + sourceOperations + destinationOperations + connectionOperations
            + transformationOperations + pluginOperations + declarationOperations + reportOperations
            + letterOperations + tailOperations + nodeOperations + logOperations + pathOperations + replayOperations
            + tokenOperations + secretOperations
    }

    package func addRoutes<Context: RequestContext>(to router: some RouterMethods<Context>) {
        addOperations(to: router)
        addRefusals(to: router)
    }

    func addOperations<Context: RequestContext>(to router: some RouterMethods<Context>) {
        for operation in operations {
            router.on(Self.route(operation.path), method: operation.method) { request, context in
                await answer(operation, request, context.parameters).response
            }
        }
    }

    /// Refuses, in the same shape as everything else, what no operation takes.
    private func addRefusals<Context: RequestContext>(to router: some RouterMethods<Context>) {
        let methods: [HTTPRequest.Method] = [.get, .put, .post, .delete, .patch, .head]
        var known = Dictionary(grouping: operations, by: \.path).mapValues { Set($0.map(\.method)) }
        known["/**"] = []
        for (path, taken) in known {
            for method in methods where !taken.contains(method) {
                router.on(Self.route(path), method: method) { request, _ in
                    APIAnswer(APIError.noCall(request.method.rawValue, request.uri.path)).response
                }
            }
        }
    }

    /// A path with its parameters as the router writes them.
    private static func route(_ path: String) -> RouterPath {
        let segments = path.split(separator: "/").map { segment in
            segment.hasPrefix("{") ? ":\(segment.dropFirst().dropLast())" : String(segment)
        }
        return RouterPath("\(root)/\(segments.joined(separator: "/"))")
    }

    /// Carries out one operation; whatever goes wrong becomes an answer of the one shape.
    private func answer(_ operation: Operation, _ request: Request, _ path: Parameters) async -> APIAnswer {
        do {
            let who = operation.needsToken ? try authorise(request.headers) : ""
            try operation.check(request.uri.queryParameters.map { String($0.key) })
            return try await operation.handle(APICall(request: request, path: path, who: who))
        } catch let error as APIError {
            return APIAnswer(error)
        } catch let error as CatalogError {
            return APIAnswer(APIError(error))
        } catch let error as any ClassifiedError {
            return APIAnswer(APIError(database: error))
        } catch {
            logger.error(
                "A call to the admin interface failed in an unforeseen way.",
                metadata: ["api.operation": "\(operation.id)", "error.type": "\(type(of: error))"]
            )
            let message = "Something unforeseen happened in \(operation.id); the server's log says more."
            return APIAnswer(APIError(.internalServerError, "internal", message))
        }
    }

    /// Whether a request with these headers may upload, so that nobody else is given room for it.
    package func mayUpload(_ headers: HTTPFields) -> Bool { (try? authorise(headers)) != nil }

    /// The name of the token that a request with these headers carries.
    private func authorise(_ headers: HTTPFields) throws(APIError) -> String {
        let words = headers[.authorization]?.split(separator: " ", maxSplits: 1) ?? []
        guard words.count == 2, words[0].lowercased() == "bearer", let name = catalog.current.tokenName(for: words[1])
        else { throw .unauthorized }
        return name
    }
}
