import ArgumentParser
import Catalog

/// Everything about plugins on a running server.
struct Plugins: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin",
        abstract: "Upload, list, attach and time plugins.",
        subcommands: [
            Push.self, List.self, Activate.self, Attach.self, Detach.self, PluginTimingsCommand.self,
        ]
    )

    struct Push: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Upload a plugin version to a running server.",
            discussion: """
                A new version acts on the next event wherever the plugin is used without a version. One that was uploaded \
                before changes nothing.
                """
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The shared library.") var library: String
        @Option(help: "The manifest.") var manifest: String
        @Flag(inversion: .prefixedNo, help: "Make it the active version, as a new one is unless told not to be.")
        var activate: Bool?

        func run() async throws {
            let push = try PluginPush.read(library: library, manifest: manifest)
            try await server.withClient { try await push.push(with: $0, activate: activate) }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the plugins with all their versions.")
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                Self.table(try await client.call(.get, "/plugins")).show(orSay: "There are no plugins yet.")
            }
        }

        static func table(_ answer: Document) -> Table {
            var table = Table(
                (head: "PLUGIN", side: .left),
                (head: "KIND", side: .left),
                (head: "VERSION", side: .left),
                (head: "ACTIVE", side: .left),
                (head: "SIZE", side: .right),
                (head: "UPLOADED", side: .left)
            )
            for plugin in answer.list("plugins") {
                for version in plugin.list("versions") {
                    table.add(
                        plugin.word("id"),
                        plugin.word("kind"),
                        version.word("version"),
                        version["active"]?.truth == true ? "yes" : "",
                        Units.bytes(version["size"]?.number),
                        version.word("uploadedAt")
                    )
                }
            }
            return table
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an uploaded version the active one, as to roll back."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The plugin's id.") var plugin: String
        @Argument(help: "The version.") var version: String

        func run() async throws {
            let path = "/plugins/\(AdminClient.encoded(plugin))/versions/\(AdminClient.encoded(version))/activate"
            try await server.withClient { client in
                Changes.show(try await client.call(.post, path))
            }
        }
    }

    struct Attach: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a transformation at the end of those of connections, or of sources.",
            discussion: "Where the plugin is attached already, its version and configuration are replaced in place."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The plugin: its id, or id@version to pin one.") var plugin: String
        @OptionGroup var places: TransformationPlaces
        @Option(help: "The condition under which it is asked; what it does not hold for passes unchanged.")
        var when: String?
        @Option(help: "Its configuration, as JSON.") var config: String?

        func run() async throws {
            var step: Document = ["plugin": .text(plugin)]
            if let when { step = step.adding("when", .text(when)) }
            if let config {
                do {
                    step = step.adding("config", try Document.json(config))
                } catch {
                    throw ValidationError("The configuration \(error.message).")
                }
            }
            let paths = try places.paths
            try await server.withClient { client in
                for path in paths {
                    Changes.show(try await client.call(.post, "\(path)/transformations", body: .json(step)))
                }
            }
        }
    }

    struct Detach: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a transformation out of those of connections, or of sources."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The plugin's id.") var plugin: String
        @OptionGroup var places: TransformationPlaces

        func run() async throws {
            let paths = try places.paths
            try await server.withClient { client in
                for path in paths {
                    let answer = try await client.call(
                        .delete,
                        "\(path)/transformations/\(AdminClient.encoded(plugin))"
                    )
                    Changes.show(answer)
                }
            }
        }
    }
}

/// Where a transformation is put or taken out.
struct TransformationPlaces: ParsableArguments {
    @Option(name: .customLong("connection"), parsing: .upToNextOption, help: "Connections, as source/destination.")
    var connections: [String] = []
    @Option(name: .customLong("source"), parsing: .upToNextOption, help: "Sources, for all their connections.")
    var sources: [String] = []

    func validate() throws {
        guard connections.isEmpty, sources.isEmpty else { return }
        throw ValidationError("name --connection or --source")
    }

    /// As the server has them.
    var paths: [String] {
        get throws {
            try connections.map(Changes.path(ofConnection:)) + sources.map { "/sources/\(AdminClient.encoded($0))" }
        }
    }
}

/// What a change did, line by line.
enum Changes {
    static func show(_ applied: Document) {
        let changes = applied.list("changes").compactMap(\.string)
        for change in changes { Terminal.line(change) }
        if changes.isEmpty { Terminal.line("Nothing changes.") }
    }

    /// The path of a connection that a person named `source/destination`.
    static func path(ofConnection name: String) throws -> String {
        let ends = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard ends.count == 2, ends.allSatisfy(Slug.isValid) else {
            throw ValidationError("\"\(name)\" is no connection; name it source/destination.")
        }
        return "/connections/\(ends[0])/\(ends[1])"
    }
}
