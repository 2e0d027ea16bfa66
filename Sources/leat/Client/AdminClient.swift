import ArgumentParser
import AsyncHTTPClient
import Catalog
import Foundation
import NIOCore
import NIOHTTP1

/// Where the server is and who we are; the options of every command that talks to one.
struct ServerOptions: ParsableArguments {
    @Option(help: "Where the server listens; LEAT_SERVER in the environment serves as well.")
    var server: String?

    /// Calls `body` with a client of the server.
    func withClient(_ body: (AdminClient) async throws -> Void) async throws {
        let environment = ProcessInfo.processInfo.environment
        let address = server ?? environment["LEAT_SERVER"] ?? AdminClient.standardServer
        guard let url = URL(string: address), ["http", "https"].contains(url.scheme), url.host() != nil else {
            throw ValidationError("\"\(address)\" is no address of a server, such as \(AdminClient.standardServer).")
        }
        let token = try AccessToken.find(environment)
        var configuration = HTTPClient.Configuration()
        // A redirect would carry the token somewhere else.
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = AdminClient.connectTimeout
        let base = address.hasSuffix("/") ? String(address.dropLast()) : address
        try await HTTPClient.withHTTPClient(configuration: configuration) { http in
            try await body(AdminClient(http: http, server: base, token: token))
        }
    }
}

/// Finds the token: in the environment, or in a file that only its owner may read.
enum AccessToken {
    static func find(_ environment: [String: String]) throws -> String {
        if let token = environment["LEAT_TOKEN"], !token.isEmpty { return token }
        let path = file(environment)
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw RuntimeError(
                """
                No token: set LEAT_TOKEN, or put the token that leat serve showed at its first start into \(path). \
                leat token reset makes a new one on the server's machine.
                """
            )
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        if let mode = attributes?[.posixPermissions] as? Int, mode & 0o077 != 0 {
            throw RuntimeError("The token in \(path) can be read by others; run: chmod 600 \(path)")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// `leat/token` in the user's folder for configuration.
    static func file(_ environment: [String: String]) -> String {
        if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") { return folder + "/leat/token" }
        return (environment["HOME"] ?? NSHomeDirectory()) + "/.config/leat/token"
    }
}

/// Speaks to a server's admin interface.
struct AdminClient {
    static let standardServer = "http://127.0.0.1:8080"
    static let connectTimeout = TimeAmount.seconds(10)
    /// How long an ordinary call may take, and how long an upload.
    static let callTimeout = TimeAmount.seconds(60)
    /// The same for a plan, which counts, runs plugins and looks things up.
    static let planTimeout = TimeAmount.seconds(180)
    static let uploadTimeout = TimeAmount.minutes(10)
    /// The longest answer that is read, in bytes.
    static let maximumAnswerBytes = 64 * 1024 * 1024

    let http: HTTPClient
    let server: String
    let token: String

    enum Verb: String {
        case get = "GET"
        case put = "PUT"
        case post = "POST"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// What is sent along.
    struct Body {
        let type: String
        let bytes: ByteBuffer

        static func json(_ document: Document) -> Body {
            Body(type: "application/json", bytes: ByteBuffer(string: document.json))
        }
    }

    /// Calls and gives the answer as a document.
    @discardableResult
    func call(
        _ verb: Verb,
        _ path: String,
        query: [(String, String)] = [],
        body: Body? = nil,
        timeout: TimeAmount = callTimeout
    ) async throws -> Document {
        let text = try await text(verb, path, query: query, body: body, timeout: timeout)
        guard !text.isEmpty else { return nil }
        do {
            return try Document.json(text)
        } catch {
            throw RuntimeError("\(server) answers, but not like a Leat server: its answer \(error.message).")
        }
    }

    /// Calls and gives the answer as it is.
    func text(
        _ verb: Verb,
        _ path: String,
        query: [(String, String)] = [],
        body: Body? = nil,
        timeout: TimeAmount = callTimeout
    ) async throws -> String {
        var request = HTTPClientRequest(url: server + "/api/v1" + path + Self.encoded(query))
        request.method = HTTPMethod(rawValue: verb.rawValue)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body {
            request.headers.add(name: "Content-Type", value: body.type)
            request.body = .bytes(body.bytes)
        }
        let response: HTTPClientResponse
        let answer: ByteBuffer
        do {
            response = try await http.execute(request, timeout: timeout)
            answer = try await response.body.collect(upTo: Self.maximumAnswerBytes)
        } catch {
            throw RuntimeError(
                "No answer from \(server): \(Self.reason(error)). Is leat serve running there? (--server, LEAT_SERVER)"
            )
        }
        let text = String(buffer: answer)
        guard (200..<300).contains(response.status.code) else { throw ServerRefusal(response.status.code, text) }
        return text
    }

    /// Begins an answer that is as long as it turns out, and gives it as it comes.
    func stream(_ path: String, query: [(String, String)] = []) async throws -> HTTPClientResponse.Body {
        try await begin(path, query: query).body
    }

    /// The same with the answer's headers.
    func begin(_ path: String, query: [(String, String)] = []) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: server + "/api/v1" + path + Self.encoded(query))
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, deadline: .distantFuture)
        } catch {
            throw RuntimeError(
                "No answer from \(server): \(Self.reason(error)). Is leat serve running there? (--server, LEAT_SERVER)"
            )
        }
        guard response.status == .ok else {
            let text = String(buffer: try await response.body.collect(upTo: Self.maximumAnswerBytes))
            throw ServerRefusal(response.status.code, text)
        }
        return response
    }

    private static func encoded(_ query: [(String, String)]) -> String {
        guard !query.isEmpty else { return "" }
        let pairs = query.map { "\($0.0)=\(encoded($0.1))" }
        return "?" + pairs.joined(separator: "&")
    }

    /// A text as one part of a path or a query.
    static func encoded(_ text: String) -> String {
        let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? text
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
            "it did not answer in time"
        case let error as HTTPClientError where error == .connectTimeout: "it could not be reached in time"
        case let error as HTTPClientError: error.shortDescription
        case let error as any CustomStringConvertible: error.description
        default: "\(error)"
        }
    }
}

/// The server said no.
struct ServerRefusal: Error, CustomStringConvertible {
    let status: UInt
    let code: String
    let message: String
    /// What is wrong with a declaration, each with its path.
    let problems: [Problem]

    init(_ status: UInt, _ text: String) {
        self.status = status
        let document = try? Document.json(text)
        code = document?["code"]?.string ?? "unknown"
        message = document?["message"]?.string ?? String(text.prefix(500))
        problems = (document?["details"]?["problems"]?.elements ?? []).map { problem in
            let line = problem["line"]?.integer.flatMap { Int(exactly: $0) } ?? 0
            return Problem(Place(path: problem["path"]?.string ?? "", line: line), problem["message"]?.string ?? "")
        }
    }

    var description: String {
        let lines = problems.map { "  \($0)" }
        return (["The server answered \(status) (\(code)): \(message)"] + lines).joined(separator: "\n")
    }
}

extension Document {
    /// A whole number.
    var integer: Int64? {
        guard case .number(let word) = content else { return nil }
        return Int64(word)
    }

    var number: Double? {
        guard case .number(let word) = content else { return nil }
        return Double(word)
    }

    var truth: Bool? {
        guard case .bool(let value) = content else { return nil }
        return value
    }

    /// The elements of a member's list; none if there is no such list.
    func list(_ key: String) -> [Document] { self[key]?.elements ?? [] }

    /// A member's text, or a dash.
    func word(_ key: String) -> String { self[key]?.string ?? "-" }

    /// A member's whole number, with its thousands set apart; or a dash.
    func count(_ key: String) -> String { self[key]?.integer.map(Units.count) ?? "-" }
}
