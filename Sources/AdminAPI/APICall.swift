import Catalog
import EventModel
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// One authorised request to the admin interface, with what its operation may ask of it.
struct APICall: Sendable {
    let request: Request
    let path: Parameters
    /// The name of the token, for the audit trail.
    let who: String

    /// The longest body of an ordinary call, in bytes.
    static let maximumBodyBytes = Document.maximumBytes

    func name(_ parameter: String) throws(APIError) -> String {
        guard let value = path.get(parameter).flatMap(Self.decoded), !value.isEmpty else {
            throw .invalid("The path has no readable \(parameter).")
        }
        return value
    }

    /// A part of a path without its percent signs.
    /// - Source: RFC 3986 section 2.1.
    static func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 else {
                return nil
            }
            rest.removeFirst(2)
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    func query(_ name: String) -> String? { request.uri.queryParameters.get(name) }

    func flag(_ name: String) throws(APIError) -> Bool? {
        switch query(name) {
        case nil: return nil
        case "true": return true
        case "false": return false
        default: throw .invalid("The query parameter \(name) must be true or false.")
        }
    }

    func integer(_ name: String, default standard: Int, in range: ClosedRange<Int>) throws(APIError) -> Int {
        guard let text = query(name) else { return standard }
        guard let value = Int(text), range.contains(value) else {
            throw .invalid(
                "The query parameter \(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }

    /// A duration such as `1h`, at most `limit`.
    func duration(_ name: String, default standard: Duration, atMost limit: Duration) throws(APIError) -> Duration {
        guard let text = query(name) else { return standard }
        guard let milliseconds = DurationText.milliseconds(text), milliseconds > 0,
            .milliseconds(milliseconds) <= limit
        else {
            let most = DurationText.text(milliseconds: limit.milliseconds)
            throw .invalid("The query parameter \(name) must be a duration such as 15m or 1h, at most \(most).")
        }
        return .milliseconds(milliseconds)
    }

    /// The whole body; more than the limit is refused while it arrives.
    func body(atMost limit: Int = maximumBodyBytes) async throws -> [UInt8] {
        try refuseLongBody(atMost: limit)
        var bytes: [UInt8] = []
        try await read { buffer in
            guard bytes.count + buffer.readableBytes <= limit else { throw APIError.tooLarge(limit) }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    /// Refuses a body that says beforehand that it is longer than the limit.
    func refuseLongBody(atMost limit: Int) throws(APIError) {
        guard let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit else { return }
        throw .tooLarge(limit)
    }

    /// Takes the body as it arrives; one that ends too early is the caller's fault and not ours.
    func read(_ take: (ByteBuffer) throws -> Void) async throws {
        var rest = request.body.makeAsyncIterator()
        while true {
            let next: ByteBuffer?
            do {
                next = try await rest.next()
            } catch {
                throw APIError(.badRequest, "body_incomplete", "The body did not arrive whole or not in time.")
            }
            guard let next else { return }
            try take(next)
        }
    }

    /// The body as a document: JSON, or YAML where the content type says so.
    func document() async throws -> Document { try document(of: try await body()) }

    /// The same; nil where there is no body.
    func documentIfAny() async throws -> Document? {
        let bytes = try await body()
        // A document can be a null as well, which is not meant here.
        return bytes.isEmpty ? Document?.none : try document(of: bytes)
    }

    private func document(of bytes: [UInt8]) throws(APIError) -> Document {
        let type = request.headers[.contentType]?.lowercased() ?? ""
        do throws(DocumentError) {
            return type.contains("yaml")
                ? try Document.yaml(String(decoding: bytes, as: UTF8.self)) : try Document.json(bytes[...])
        } catch {
            let position = error.line.map { "line \($0): " } ?? ""
            throw APIError(.badRequest, "unreadable", "\(position)the body \(error.message).")
        }
    }

    /// Reads one entry of a declaration from the body, where the names come from the path.
    func entry<Entry>(
        named names: KeyValuePairs<String, String>,
        _ read: (Document, String, inout [Problem]) -> Entry?
    ) async throws -> Entry {
        var problems: [Problem] = []
        let body = try await document()
        var members = body.members ?? []
        if body.members == nil, body.content != .null {
            problems.append(Problem(Place(), "The body must be an object, but is \(body.kind)"))
        }
        for (key, value) in names {
            if let given = members.first(where: { $0.key == key }), given.value.string != value {
                problems.append(Problem(Place(path: key, line: given.line), "differs from the one in the path"))
            }
            members.removeAll { $0.key == key }
            members.append(Document.Member(key: key, line: 0, value: .text(value)))
        }
        let entry = read(Document(.object(members)), "", &problems)
        guard let entry, problems.isEmpty else { throw APIError.refused(problems) }
        return entry
    }
}
