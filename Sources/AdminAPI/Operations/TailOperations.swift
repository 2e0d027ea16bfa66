import Catalog
import EventModel
import HTTPTypes
import NIOCore
import Synchronization

extension AdminAPI {
    var tailOperations: [Operation] { [watchEvents] }

    /// The most events that one call may ask for.
    private static let mostWatched = 1_000_000

    private static let tailQueries: [Operation.Query] = [
        .init(
            name: "stage",
            schema: [
                "type": "string", "enum": .list(TailStage.allCases.map { .text($0.rawValue) }),
                "default": .text(TailStage.accepted.rawValue),
            ],
            meaning: "Where they are watched: committed, on the way to the connector, or at their end."
        ), .init(name: "source", schema: Schemas.slug, meaning: "Only those of one source."),
        .init(
            name: "destination",
            schema: Schemas.slug,
            meaning: "Only those on the way to one destination; not at the stage accepted."
        ),
        .init(
            name: "connection",
            schema: ["type": "string", "pattern": "^[a-z0-9-]+/[a-z0-9-]+$"],
            meaning: "Only those of one connection, as source/destination; not at the stage accepted."
        ),
        .init(
            name: "user",
            schema: Schemas.text,
            meaning: "Only those of one user: the userId, or the anonymousId where there is none."
        ),
        .init(
            name: "outcome",
            schema: ["type": "string", "enum": .list(TailFate.Outcome.allCases.map { .text($0.rawValue) })],
            meaning: "Only those that ended so, or have to wait; not at the stage accepted."
        ),
        .init(
            name: "where",
            schema: Schemas.text,
            meaning: "Only those for which this condition holds, such as event == \"Order Completed\"."
        ),
        .init(
            name: "limit",
            schema: ["type": "integer", "minimum": 1, "maximum": .integer(mostWatched)],
            meaning: "How many events at most; without it, until one of the two ends it."
        ),
    ]

    private var watchEvents: Operation {
        Operation(
            method: .get,
            path: "/tail",
            id: "watchEvents",
            group: "tail",
            summary: "Shows events of this node as they pass a stage, as server-sent events.",
            queries: Self.tailQueries,
            answers: [
                .init(
                    status: .ok,
                    meaning: """
                        Messages "accepted", "transformed" or "delivered" with one event each, "dropped" with how many were \
                        left out because they came faster than they were taken, and comments while nothing happens; "end" \
                        where the server ends it. The header Leat-Node names the node.
                        """,
                    content: .init(types: [("text/event-stream", Schemas.reference("TailMessage"))])
                )
            ],
            refusals: [.badRequest, .notFound, .tooManyRequests]
        ) { call in
            let wish = try call.tailWish(in: catalog.current)
            let limit =
                call.query("limit") == nil ? Int.max : try call.integer("limit", default: 1, in: 1...Self.mostWatched)
            let watch: TailDesk.Watch
            switch tail.watch(wish) {
            case .watching(let granted): watch = granted
            case .refused(let reason): throw APIError.invalid("The query parameter where is wrong: \(reason)")
            case .tooMany:
                throw APIError(
                    .tooManyRequests,
                    "too_many_watchers",
                    "So many watch on this node that nobody more may; end another leat tail, or try again later.",
                    retryAfter: 5
                )
            }
            let (catalog, node) = (catalog, tail.node)
            let writer = Mutex(TailWriter(limit: limit))
            var answer = APIAnswer(contentType: "text/event-stream") {
                guard !writer.withLock({ $0.isDone }), let page = await watch() else { return nil }
                return writer.withLock { $0.text(of: page, catalog.current) }
            }
            answer.headers[.leatNode] = node
            return answer
        }
    }
}

extension HTTPField.Name {
    /// Which node answers.
    fileprivate static let leatNode = Self("Leat-Node") ?? .server
}

extension APICall {
    fileprivate func tailWish(in snapshot: CatalogSnapshot) throws(APIError) -> TailWish {
        guard let stage = TailStage(rawValue: query("stage") ?? TailStage.accepted.rawValue) else {
            throw .invalid("The query parameter stage must be accepted, transformed or delivered.")
        }
        var wish = TailWish(stage: stage)
        if stage == .accepted, let name = ["destination", "connection", "outcome"].first(where: { query($0) != nil }) {
            throw .invalid("At the stage accepted an event has no \(name) yet; ask for transformed or delivered.")
        }
        if let word = query("outcome") {
            guard let outcome = TailFate.Outcome(rawValue: word) else {
                let words = TailFate.Outcome.allCases.map(\.rawValue).joined(separator: ", ")
                throw .invalid("The query parameter outcome must be one of \(words).")
            }
            wish.outcome = outcome
        }
        if let name = query("source") {
            guard let source = snapshot.source(named: name) else { throw .notFound("source", name) }
            wish.source = source.id
        }
        if let name = query("destination") {
            guard let destination = snapshot.destination(named: name) else { throw .notFound("destination", name) }
            wish.destination = destination.id
        }
        if let name = query("connection") {
            guard let connection = snapshot.connections.first(where: { snapshot.name(of: $0) == name }) else {
                throw .notFound("connection", name)
            }
            wish.connection = connection.id
        }
        if let user = query("user") {
            guard !user.isEmpty else { throw .invalid("The query parameter user must be some text.") }
            wish.user = user
        }
        wish.condition = query("where")
        return wish
    }
}

/// What is written to one who watches.
///
/// - Source: HTML standard, "Server-sent events".
struct TailWriter {
    private let limit: Int
    private var shown = 0
    private var dropped = 0
    private(set) var isDone = false

    init(limit: Int) { self.limit = limit }

    /// One page as text; a comment where it holds nothing.
    mutating func text(of page: TailPage, _ snapshot: CatalogSnapshot) -> ByteBuffer {
        var text = ByteBuffer()
        for item in page.items.prefix(limit - shown) {
            shown += 1
            text.writeString("id: \(shown)\n")
            text.writeString(Self.message(item.stage.rawValue, item.line(snapshot)))
        }
        if page.dropped > 0 {
            dropped += page.dropped
            let count: Document = ["dropped": .integer(page.dropped), "total": .integer(dropped)]
            text.writeString(Self.message("dropped", count.json))
        }
        if shown >= limit || page.isLast {
            isDone = true
            let reason = shown >= limit ? "limit" : "shutdown"
            let end: Document = [
                "reason": .text(reason), "shown": .integer(shown), "dropped": .integer(dropped),
            ]
            text.writeString(Self.message("end", end.json))
        }
        if text.readableBytes == 0 { text.writeString(":\n\n") }
        return text
    }

    private static func message(_ kind: String, _ data: String) -> String { "event: \(kind)\ndata: \(data)\n\n" }
}

extension TailItem {
    /// One line of JSON in which the event stands as it was there.
    fileprivate func line(_ snapshot: CatalogSnapshot) -> String {
        var head: Document = [
            "stage": .text(stage.rawValue), "at": Timestamp.document(at), "partition": .text(partition.description),
            "offset": .integer(offset), "source": .text(snapshot.name(ofSource: partition.source)),
        ]
        if let part { head = head.adding("part", .integer(part)) }
        if let connection { head = head.adding("connection", .text(snapshot.name(ofConnection: connection))) }
        if let replay { head = head.adding("replay", .integer(replay.rawValue)) }
        if !plugins.isEmpty { head = head.adding("plugins", .list(plugins.map { .text($0) })) }
        if let fate {
            head = head.adding("outcome", .text(fate.outcome.rawValue)).adding("code", .text(fate.code))
                .adding("reason", .text(fate.reason)).adding("attempts", .integer(fate.attempts)).adding(
                    "status",
                    fate.status.map { .integer($0) } ?? nil
                )
                .adding("seconds", .number(fate.duration.map { $0 / .seconds(1) }))
        }
        // A JSON text holds line ends between its values only.
        let text = String(decoding: json.map { $0 == 10 || $0 == 13 ? 32 : $0 }, as: UTF8.self)
        return "\(head.json.dropLast()),\"event\":\(text.isEmpty ? "null" : text)}"
    }
}
