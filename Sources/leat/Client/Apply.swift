import ArgumentParser
import Catalog
import Foundation

/// Makes the server's configuration what a file says.
struct Apply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a server's configuration what a file says.",
        discussion: """
            First shows what changes: + comes, ~ becomes different, - goes. Applying the same file again changes \
            nothing. Plugins that the file names by library and manifest are uploaded. A write key may be given as \
            ${NAME}, which is taken from the environment.
            """
    )

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The file; - reads standard input.")
    var file = "leat.yaml"

    @Flag(help: "Only show what would change.")
    var dryRun = false

    @Flag(help: "Remove what the file's sections do not name.")
    var prune = false

    func run() async throws {
        let prepared = try PreparedDeclaration.read(file, environment: ProcessInfo.processInfo.environment)
        try await server.withClient { client in
            do {
                try await apply(prepared, with: client)
            } catch let refusal as ServerRefusal where !refusal.problems.isEmpty {
                throw RuntimeError(prepared.report(refusal.problems))
            }
        }
    }

    private func apply(_ prepared: PreparedDeclaration, with client: AdminClient) async throws {
        let body = AdminClient.Body.json(prepared.declaration.document)
        let query = [("prune", "\(prune)")]
        let plan = try await client.call(.post, "/apply", query: query + [("dryRun", "true")], body: body)
        let changes = plan.list("changes").compactMap(\.string)
        for change in changes { Terminal.line(change) }
        guard !changes.isEmpty else { return Terminal.line("Nothing changes.") }
        guard !dryRun else { return Terminal.line("This was a dry run; nothing was changed.") }
        for upload in prepared.uploads where changes.contains("+ plugin \(upload.id)@\(upload.version)") {
            try await upload.push(with: client, activate: false)
        }
        let applied = try await client.call(.post, "/apply", query: query, body: body)
        Terminal.line("Done.")
        for key in applied.list("writeKeys") {
            Terminal.line("The write key of source \(key.word("source")), shown this once: \(key.word("key"))")
        }
    }
}

/// A declaration as it is sent: environment resolved, plugins known by id and version.
struct PreparedDeclaration {
    let file: String
    var declaration: Declaration
    var uploads: [PluginPush] = []
    private var problems: [Problem]
    private var lines: [String: Int] = [:]

    /// - Throws: `RuntimeError` with everything that is wrong with the file by itself.
    static func read(_ file: String, environment: [String: String]) throws -> PreparedDeclaration {
        let bytes =
            file == "-"
            ? try FileHandle.standardInput.readToEnd() ?? Data() : FileManager.default.contents(atPath: file)
        guard let bytes else { throw RuntimeError("The file \(file) cannot be read.") }
        let name = file == "-" ? "standard input" : file
        let document: Document
        do {
            document = try Document.yaml(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw RuntimeError("\(name)\(error.line.map { ":\($0)" } ?? ""): the file \(error.message).")
        }
        var prepared = PreparedDeclaration(name, document)
        prepared.resolveKeys(environment)
        prepared.readPlugins(below: file == "-" ? "." : (file as NSString).deletingLastPathComponent)
        guard prepared.problems.isEmpty else { throw RuntimeError(prepared.report(prepared.problems)) }
        return prepared
    }

    private init(_ file: String, _ document: Document) {
        self.file = file
        (declaration, problems) = Declaration.read(document)
        collectLines(of: document, at: "")
    }

    /// The problems in the order of the file, each with its line, as a compiler would list them.
    ///
    /// A server that was sent something else than the file does not know its lines, but it knows the paths.
    func report(_ problems: [Problem]) -> String {
        problems.map { Problem(Place(path: $0.path, line: line(of: $0.path) ?? $0.line), $0.message) }
            .inOrder
            .map { problem in
                let place = problem.path.isEmpty ? "" : "\(problem.path): "
                return "\(file)\(problem.line > 0 ? ":\(problem.line)" : ""): \(place)\(problem.message)"
            }
            .joined(separator: "\n")
    }

    /// The line of a path, or of what it lies in.
    private func line(of path: String) -> Int? {
        var path = Substring(path)
        while !path.isEmpty {
            if let line = lines[String(path)] { return line }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return nil }
            path = path[..<end]
        }
        return nil
    }

    private mutating func collectLines(of document: Document, at path: String) {
        for member in document.members ?? [] {
            let path = path.isEmpty ? member.key : "\(path).\(member.key)"
            lines[path] = member.line
            collectLines(of: member.value, at: path)
        }
        for (number, element) in (document.elements ?? []).enumerated() {
            lines["\(path)[\(number)]"] = element.line
            collectLines(of: element, at: "\(path)[\(number)]")
        }
    }

    private mutating func resolveKeys(_ environment: [String: String]) {
        for index in (declaration.sources ?? []).indices {
            guard let source = declaration.sources?[index], let keys = source.writeKeys else { continue }
            let resolved = keys.enumerated().map { number, key in
                guard let reference = EnvironmentReference(key) else { return key }
                let path = "\(source.place.path).writeKeys[\(number)]"
                let place = Place(path: path, line: line(of: path) ?? 0)
                guard let value = environment[reference.name], !value.isEmpty else {
                    problems.append(Problem(place, "\(reference.name) is not set in the environment"))
                    return key
                }
                if !Secret.isWriteKey(value) {
                    let message = "the value of \(reference.name) is no write key: 16 to 128 of A-Z, a-z, 0-9, - and _"
                    problems.append(Problem(place, message))
                }
                return value
            }
            declaration.sources?[index].writeKeys = resolved
        }
    }

    private mutating func readPlugins(below folder: String) {
        for index in (declaration.plugins ?? []).indices {
            guard let plugin = declaration.plugins?[index], let library = plugin.library,
                let manifest = plugin.manifest
            else { continue }
            do throws(RuntimeError) {
                let push = try PluginPush.read(
                    library: Self.path(library, below: folder),
                    manifest: Self.path(manifest, below: folder)
                )
                if plugin.id ?? push.id != push.id || plugin.version ?? push.version != push.version {
                    throw RuntimeError("the manifest says \(push.id)@\(push.version)")
                }
                uploads.append(push)
                declaration.plugins?[index] = push.declared(at: plugin.place)
            } catch {
                problems.append(Problem(plugin.place, error.description))
            }
        }
    }

    private static func path(_ path: String, below folder: String) -> String {
        path.hasPrefix("/") || folder.isEmpty ? path : "\(folder)/\(path)"
    }
}
