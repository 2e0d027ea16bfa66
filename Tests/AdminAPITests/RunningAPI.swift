import EventModel
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import PostgreSQL
import TestSupport
import Testing

@testable import AdminAPI
@testable import Catalog

/// The admin interface on a database of its own; every answer is held against the description.
struct RunningAPI {
    struct Answer {
        let status: Int
        let headers: HTTPFields
        let text: String
        var document: Document { (try? Document.json(text)) ?? nil }
        var code: String? { document["code"]?.string }
        /// The messages of all problems, with their paths.
        var problems: [String] {
            (document["details"]?["problems"]?.elements ?? []).map {
                "\($0["path"]?.string ?? ""): \($0["message"]?.string ?? "")"
            }
        }
        var changes: [String] { (document["changes"]?.elements ?? []).compactMap(\.string) }
    }

    let api: AdminAPI
    let catalog: Catalog
    let token: String
    private let client: any TestClientProtocol

    static func with(
        reports: Reports = .none,
        nodes: NodeDesk = .none,
        deliveries: DeliveryDesk = .none,
        paths: @Sendable (Catalog) -> PathDesk = { PathDesk.none($0) },
        replays: ReplayDesk = .none,
        letters: LetterDesk = .none,
        tail: TailDesk = TailDesk(node: "a") { _ in .tooMany },
        vet: @escaping PluginVetting = believe,
        key: String? = SecretKeys.generate(),
        _ body: @Sendable @escaping (RunningAPI) async throws -> Void
    ) async throws {
        try await Database.temporary { pool in
            let vault = SecretVault(keys: try key.map { try SecretKeys(parsing: $0) })
            let catalog = try await Catalog.open(pool: pool, logger: Logger(label: "test"), vault: vault)
            let token = try #require(try await catalog.makeFirstToken())
            let api = AdminAPI(
                catalog: catalog,
                reports: reports,
                nodes: nodes,
                deliveries: deliveries,
                paths: paths(catalog),
                replays: replays,
                letters: letters,
                tail: tail,
                vet: vet,
                logger: Logger(label: "test")
            )
            let router = Router()
            api.addRoutes(to: router)
            try await Application(router: router).test(.router) { client in
                try await body(RunningAPI(api: api, catalog: catalog, token: token, client: client))
            }
        }
    }

    /// Takes a manifest at its word.
    static let believe: PluginVetting = { manifest, library throws(PluginRefusal) in
        guard let document = try? Document.json(manifest[...]), let id = document["id"]?.string,
            let version = document["version"]?.string,
            let kind = document["kind"]?.string.flatMap(PluginKind.init(rawValue:))
        else { throw PluginRefusal(code: "manifest", message: "The manifest lacks id, version or kind.") }
        guard library.starts(with: Array("\u{7F}ELF".utf8)) else {
            throw PluginRefusal(code: "not_elf", message: "The library is no ELF file.")
        }
        return VettedPlugin(id: id, version: version, kind: kind)
    }

    func call(
        _ method: HTTPRequest.Method,
        _ path: String,
        body: String? = nil,
        bytes: [UInt8]? = nil,
        type: String = "application/json",
        token: String?? = .none
    ) async throws -> Answer {
        var headers: HTTPFields = [:]
        if let token = token ?? self.token { headers[.authorization] = "Bearer \(token)" }
        if body != nil || bytes != nil { headers[.contentType] = type }
        let buffer = body.map { ByteBuffer(string: $0) } ?? bytes.map { ByteBuffer(bytes: $0) }
        let response = try await client.execute(
            uri: AdminAPI.root + path,
            method: method,
            headers: headers,
            body: buffer
        ) { $0 }
        let answer = Answer(
            status: response.status.code,
            headers: response.headers,
            text: String(buffer: response.body)
        )
        if answer.code != "no_such_call" {
            try AnswerChecker(api.description).check(answer, method, AdminAPI.root + path)
        }
        return answer
    }

    /// Uploads what `believe` takes.
    func upload(
        _ id: String,
        _ version: String,
        _ kind: PluginKind = .transform,
        library: String = "\u{7F}ELF",
        query: String = ""
    ) async throws -> Answer {
        let manifest = #"{"id":"\#(id)","version":"\#(version)","kind":"\#(kind.rawValue)"}"#
        return try await call(
            .put,
            "/plugins/\(id)/versions/\(version)\(query)",
            body: Self.form(["manifest": manifest, "library": library]),
            type: "multipart/form-data; boundary=b"
        )
    }

    static func form(_ parts: KeyValuePairs<String, String>) -> String {
        parts.map { "--b\r\nContent-Disposition: form-data; name=\"\($0.key)\"\r\n\r\n\($0.value)\r\n" }.joined()
            + "--b--\r\n"
    }
}

extension PathDesk {
    /// Nothing was ever found; whom people follow is kept.
    static func none(_ catalog: Catalog) -> PathDesk {
        PathDesk(
            path: { EventPath(messageId: $0.messageId) },
            follow: { try await catalog.follow($0, for: $1, by: $2) },
            unfollow: { try await catalog.unfollow($0, by: $1) },
            tracings: { catalog.current.tracings }
        )
    }
}

extension NodeDesk {
    /// No node is known.
    static let none = NodeDesk(list: { (0, []) }, drain: { _, _, _ in true })
}

extension ReplayDesk {
    /// Nothing is under way, and nothing lies in the log.
    static let none = ReplayDesk(
        lanes: { _ in [] },
        plan: { _ in ReplayPlan(events: 0, looked: 0, wanted: 0, ranges: []) },
        now: { 1_700_000_000_000_000 }
    )
}

extension LetterDesk {
    /// Nothing has died.
    static let none = empty()

    /// Nothing has died of these.
    static func empty(of consumers: LetterConsumer...) -> LetterDesk {
        LetterDesk(
            consumers: { consumers },
            page: { _, _, _ in DeadLetterPage() },
            records: { _ in [] },
            logged: { _ in LoggedEvents() },
            again: { _ in [:] },
            summary: { _, _, _ in DeadLetterSummary() },
            edit: { _, _, _ in .gone },
            userHash: { _ in 1 }
        )
    }
}

extension Reports {
    /// Nothing has happened yet.
    static let none = Reports(
        timings: { _, _ in [] },
        counts: { StageCounts(sources: [], connections: []) },
        refused: { _, _ in [] },
        log: .none
    )
}

extension LogQuestions {
    /// A log without lanes and events.
    static let none = LogQuestions(
        lanes: { _, _ in [] },
        partitions: { _ in [] },
        events: { _, _, _, _ in [] },
        audit: { _, _, _ in AuditReport(checks: []) }
    )
}

/// Holds answers against the description: the status must be described, and the body must be as described.
struct AnswerChecker {
    private let description: Document

    init(_ description: Document) { self.description = description }

    func check(_ answer: RunningAPI.Answer, _ method: HTTPRequest.Method, _ uri: String) throws {
        let path = uri.prefix { $0 != "?" }
        let described = try #require(operation(method, String(path)), "\(method) \(path) is not described")
        let response = described["responses"]?["\(answer.status)"]
        let known = try #require(response, "\(method) \(path) answered \(answer.status), which is not described")
        guard let content = known["content"]?.members else {
            #expect(answer.text.isEmpty)
            return
        }
        let type = try #require(answer.headers[.contentType])
        let schema = try #require(content.first { $0.key == type }?.value["schema"], "\(type) is not described")
        // One document, or one a line.
        let texts = type.contains("ndjson") ? answer.text.split(separator: "\n").map(String.init) : [answer.text]
        for text in texts {
            let document = type.contains("yaml") ? try Document.yaml(text) : try Document.json(text)
            let faults = faults(document, schema, "")
            #expect(faults.isEmpty, "\(method) \(path): \(faults)")
        }
    }

    private func operation(_ method: HTTPRequest.Method, _ path: String) -> Document? {
        let wanted = path.split(separator: "/")
        for entry in description["paths"]?.members ?? [] {
            let parts = entry.key.split(separator: "/")
            guard parts.count == wanted.count,
                zip(parts, wanted).allSatisfy({ $0.hasPrefix("{") || $0 == $1 })
            else { continue }
            if let operation = entry.value[method.rawValue.lowercased()] { return operation }
        }
        return nil
    }

    /// The part of JSON Schema that the description uses.
    private func faults(_ value: Document, _ schema: Document, _ path: String) -> [String] {
        if let reference = schema["$ref"]?.string {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            guard let target = description["components"]?["schemas"]?[name] else { return ["\(path): no \(reference)"] }
            return faults(value, target, path)
        }
        let types = schema["type"]?.elements?.compactMap(\.string) ?? [schema["type"]?.string ?? ""]
        guard schema["type"] == nil || types.contains(where: { fits(value, $0) }) else {
            return ["\(path): is no \(types)"]
        }
        var found: [String] = []
        if let pattern = schema["pattern"]?.string, let text = value.string,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            found.append("\(path): \(text) is not like \(pattern)")
        }
        if let least = schema["minimum"]?.int, let number = value.int, number < least {
            found.append("\(path): \(number) is less than \(least)")
        }
        for element in value.elements ?? [] {
            if let items = schema["items"] { found += faults(element, items, path + "[]") }
        }
        guard let members = value.members else { return found }
        let properties = schema["properties"]?.members ?? []
        for name in schema["required"]?.elements?.compactMap(\.string) ?? [] where value[name] == nil {
            found.append("\(path): lacks \(name)")
        }
        for member in members {
            if let property = properties.first(where: { $0.key == member.key })?.value {
                found += faults(member.value, property, "\(path).\(member.key)")
            } else if schema["additionalProperties"]?.content == .bool(false) {
                found.append("\(path): has \(member.key)")
            }
        }
        return found
    }

    private func fits(_ value: Document, _ type: String) -> Bool {
        switch (value.content, type) {
        case (.null, "null"), (.bool, "boolean"), (.string, "string"), (.list, "array"), (.object, "object"): true
        case (.number, "number"): true
        case (.number(let word), "integer"): Int64(word) != nil
        default: false
        }
    }
}

extension Document {
    var int: Int64? {
        guard case .number(let word) = content else { return nil }
        return Int64(word)
    }
}
