import Catalog
import HTTPTypes

extension AdminAPI {
    var pluginOperations: [Operation] { [listPlugins, readPlugin, uploadPlugin, activatePlugin, readPluginTimings] }

    private var listPlugins: Operation {
        Operation(
            method: .get,
            path: "/plugins",
            id: "listPlugins",
            group: "plugins",
            summary: "Lists the plugins with all their versions.",
            answers: [.ok("The plugins, by id.", Schemas.list("plugins", of: "Plugin"))]
        ) { _ in
            let snapshot = catalog.current
            let ids = Set(snapshot.plugins.map(\.id)).sorted()
            return .json(["plugins": .list(ids.map(snapshot.document(ofPlugin:)))])
        }
    }

    private var readPlugin: Operation {
        Operation(
            method: .get,
            path: "/plugins/{plugin}",
            id: "readPlugin",
            group: "plugins",
            summary: "Shows one plugin with all its versions.",
            answers: [.ok("The plugin.", Schemas.reference("Plugin"))],
            refusals: [.notFound]
        ) { call in
            let snapshot = catalog.current
            return .json(snapshot.document(ofPlugin: try call.plugin(in: snapshot)))
        }
    }

    private static let uploadForm: Document = [
        "type": "object",
        "required": ["manifest", "library"],
        "properties": [
            "manifest": [
                "type": "string", "contentMediaType": "application/json",
                "description": "The manifest, at most \(PluginVersion.maximumManifestBytes) bytes.",
            ],
            "library": [
                "type": "string", "contentMediaType": "application/octet-stream",
                "description": "The shared library, at most \(PluginVersion.maximumBytes) bytes.",
            ],
        ],
        "additionalProperties": false,
    ]

    private var uploadPlugin: Operation {
        Operation(
            method: .put,
            path: "/plugins/{plugin}/versions/{version}",
            id: "uploadPlugin",
            group: "plugins",
            summary: "Uploads a plugin version. A version never changes; uploading the same again changes nothing.",
            queries: [
                .init(
                    name: "activate",
                    schema: ["type": "boolean"],
                    meaning: """
                        Whether to make it active. Where this is not said, a new version becomes active, and one that was \
                        there already leaves the active version as it is.
                        """
                )
            ],
            body: Operation.Content(types: [("multipart/form-data", Self.uploadForm)]),
            answers: [
                .ok("It was there already.", Schemas.reference("PluginVersion")),
                .created("It was kept.", Schemas.reference("PluginVersion")),
            ],
            refusals: [.badRequest, .conflict, .contentTooLarge, .unsupportedMediaType, .unprocessableContent]
        ) { call in
            let (plugin, isNew) = try await upload(call)
            return .json(plugin.document, status: isNew ? .created : .ok)
        }
    }

    private var activatePlugin: Operation {
        Operation(
            method: .post,
            path: "/plugins/{plugin}/versions/{version}/activate",
            id: "activatePlugin",
            group: "plugins",
            summary: "Makes a version the one that references without a version mean, from the next event on.",
            answers: [.ok("These are the changes.", Schemas.reference("Applied"))],
            refusals: [.notFound, .unprocessableContent]
        ) { call in
            let id = try call.name("plugin")
            let version = try call.name("version")
            return .json(try await catalog.activate(id: id, version: version, by: call.who).document)
        }
    }

    private var readPluginTimings: Operation {
        Operation(
            method: .get,
            path: "/plugins/{plugin}/timings",
            id: "readPluginTimings",
            group: "plugins",
            summary: "Shows a plugin's creation time, execution time and input size per version, measured by the host.",
            queries: [Self.since],
            answers: [.ok("One entry per version that ran.", Schemas.list("timings", of: "Timings"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let id = try call.plugin(in: catalog.current)
            return try await timings(of: id, call)
        }
    }

    /// How far back timings are told by default, and at most.
    private static let standardSince = Duration.seconds(3600)
    private static let longestSince = Duration.seconds(90 * 86_400)

    static let since = Operation.Query(
        name: "since",
        schema: ["type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "default": "1h"],
        meaning: "How far back, at most 90d."
    )

    func timings(of plugin: String?, _ call: APICall) async throws -> APIAnswer {
        let since = try call.duration("since", default: Self.standardSince, atMost: Self.longestSince)
        return .json(["timings": .list(try await reports.timings(plugin, since).map(\.document))])
    }
}

extension APICall {
    fileprivate func plugin(in snapshot: CatalogSnapshot) throws(APIError) -> String {
        let id = try name("plugin")
        guard snapshot.plugins.contains(where: { $0.id == id }) else { throw .notFound("plugin", id) }
        return id
    }
}
