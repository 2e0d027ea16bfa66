import EventModel

/// A plugin that speaks to one kind of destination over HTTP.
///
/// It turns events into requests; the server sends them, with its own time-outs, retries, rate limits, TLS and secrets.
/// So a connector needs no network, and a request that fails is sent again without asking the connector.
///
/// ```swift
/// import LeatSDK
///
/// struct Beacon: Connector {
///     let url: String
///
///     init(configuration: Configuration) throws {
///         url = try configuration.required("url")
///     }
///
///     mutating func requests(for batch: inout Batch, into sink: inout RequestSink) throws {
///         for index in batch.indices {
///             var request = Request(.post, url: url)
///             request.json = batch.json(index)
///             sink.send(request, carrying: [index])
///         }
///     }
/// }
///
/// @c(leat_plugin_entry_v1)
/// public func entry(_ host: UnsafeRawPointer?) -> UnsafeRawPointer? {
///     Plugin.export(Beacon.self, id: "com.example.beacon", version: "1.0.0", to: host)
/// }
/// ```
public protocol Connector {
    /// Makes an instance from the configuration that a person gave it.
    ///
    /// Throw a ``Failure`` that says what is wrong with the configuration; the operator reads its message. Use
    /// ``Request/problem(withURL:)`` to find out early whether an address can be sent to.
    init(configuration: Configuration) throws

    /// Turns a batch of events into requests.
    ///
    /// Each event must be carried by at least one request, or be dropped, or failed. An event in several requests is
    /// delivered when all of them are.
    ///
    /// - Parameters:
    ///   - batch: The events.
    ///   - sink: Takes the requests, and the events that shall not be sent.
    /// - Throws: A ``Failure`` for all events that have no verdict yet.
    mutating func requests(for batch: inout Batch, into sink: inout RequestSink) throws

    /// Says what the destination's answer means for each event of a request.
    ///
    /// It is called for the answers that the manifest names under `classify`, and for no others; a connector whose manifest
    /// names none need not have it. Of events of which it says nothing, and when it throws, the server's own table holds.
    ///
    /// - Parameters:
    ///   - response: The answer.
    ///   - sink: Takes what it means.
    /// - Throws: Anything, to leave the answer to the server.
    mutating func classify(_ response: Response, into sink: inout ResponseSink) throws
}

extension Connector {
    /// Leaves every answer to the server.
    public mutating func classify(_ response: Response, into sink: inout ResponseSink) throws {}
}

/// One HTTP request that the server is asked to send.
public struct Request: Sendable {
    /// An HTTP method.
    public struct Method: Sendable, ExpressibleByStringLiteral {
        let name: String
        /// `POST`.
        public static let post: Method = "POST"
        /// `PUT`.
        public static let put: Method = "PUT"
        /// `PATCH`.
        public static let patch: Method = "PATCH"
        /// `DELETE`.
        public static let delete: Method = "DELETE"
        /// `GET`.
        public static let get: Method = "GET"
        /// `HEAD`.
        public static let head: Method = "HEAD"
        /// A method by its name; one that is not here is refused.
        public init(stringLiteral name: String) { self.name = name }
        /// A method by its name; one that is not here is refused.
        public init(_ name: String) { self.name = name }
    }

    /// The method.
    public var method: Method
    /// The address: absolute, `https` or `http`, in ASCII, without a user name and a fragment, and permitted by the
    /// manifest.
    public var url: String
    /// Headers, none of which may be the server's own, as `Host`, `Content-Length` and `User-Agent` are.
    public var headers: [(name: String, value: String)] = []
    /// The body.
    public var body: [UInt8] = []
    /// The type of the body; empty for none.
    public var contentType = ""
    /// The name of a secret that the server puts into the request, so that the plugin never sees it; empty for none.
    public var secret = ""
    /// What the destination recognises a repetition by; empty for the server's own key, made from the events.
    public var idempotencyKey = ""
    /// Requests with the same key go one after the other; empty for no such rule.
    public var orderingKey = ""
    /// The connector's own mark, which comes back in ``Response/tag``.
    public var tag: UInt64 = 0
    /// How long the server waits for an answer, in milliseconds; 0 for the destination's own setting.
    public var timeoutMilliseconds = 0

    /// Makes a request without a body.
    public init(_ method: Method = .post, url: String) {
        self.method = method
        self.url = url
    }

    /// The body as JSON; setting it sets ``contentType`` too.
    public var json: [UInt8] {
        get { body }
        set {
            body = newValue
            contentType = "application/json"
        }
    }

    /// A sentence that says why the server would refuse an address, or nil.
    public static func problem(withURL url: String) -> String? { RequestRules.problem(withURL: url) }

    /// A sentence that says why the server would refuse a header, or nil.
    public static func problem(withHeader name: String, value: String) -> String? {
        RequestRules.problem(withHeader: name, value: value)
    }
}
