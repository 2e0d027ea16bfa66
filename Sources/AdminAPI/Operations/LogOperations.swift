import Catalog
import EventModel
import HTTPTypes

extension AdminAPI {
    var logOperations: [Operation] { [readBacklog, listLanes, listPartitions, listEvents, auditLog] }

    private static let source = Operation.Query(
        name: "source",
        schema: Schemas.slug,
        meaning: "Only those of one source."
    )
    private static let connection = Operation.Query(
        name: "connection",
        schema: ["type": "string", "pattern": "^[a-z0-9-]+/[a-z0-9-]+$"],
        meaning: "Only those of one connection, as source/destination."
    )
    private static let behind = Operation.Query(
        name: "behind",
        schema: Schemas.flag(default: false),
        meaning: "Only lanes with something unread or parked."
    )
    private static func limit(_ most: Int, _ standard: Int) -> Operation.Query {
        Operation.Query(
            name: "limit",
            schema: [
                "type": "integer", "minimum": 1, "maximum": .integer(most), "default": .integer(standard),
            ],
            meaning: "How many at most."
        )
    }
    /// The most lanes that one answer adds up, and that one answer lists.
    private static let countedLanes = 20_000
    private static let listedLanes = 2000
    private static let listedEvents = 1000

    private var readBacklog: Operation {
        Operation(
            method: .get,
            path: "/log",
            id: "readBacklog",
            group: "log",
            summary: "Shows how much the lanes have still to read, and who runs them.",
            queries: [
                .init(
                    name: "by",
                    schema: ["type": "string", "enum": ["source", "connection", "lane"], "default": "connection"],
                    meaning: "What lanes are added up by."
                ), Self.source, Self.connection, Self.behind, Self.limit(Self.listedLanes, 1000),
            ],
            answers: [
                .ok(
                    "The backlog, and whether there is more than was looked at.",
                    Schemas.object([
                        ("backlog", Schemas.array(of: Schemas.reference("Backlog"))), ("more", Schemas.truth),
                    ])
                )
            ],
            refusals: [.badRequest, .notFound]
        ) { call in
            let snapshot = catalog.current
            guard let grouping = Backlog.Grouping(rawValue: call.query("by") ?? "connection") else {
                throw APIError.invalid("The query parameter by must be source, connection or lane.")
            }
            let limit = try call.integer("limit", default: 1000, in: 1...Self.listedLanes)
            let lanes = try await reports.log.lanes(try call.lanes(in: snapshot), Self.countedLanes + 1)
            let groups = Backlog.groups(Array(lanes.prefix(Self.countedLanes)), by: grouping)
            return .json([
                "backlog": .list(groups.prefix(limit).map { $0.document(in: snapshot) }),
                "more": .truth(lanes.count > Self.countedLanes || groups.count > limit),
            ])
        }
    }

    private var listLanes: Operation {
        Operation(
            method: .get,
            path: "/lanes",
            id: "listLanes",
            group: "log",
            summary: "Lists the lanes: one connection's reading of one partition each.",
            queries: [Self.source, Self.connection, Self.behind, Self.limit(Self.listedLanes, 1000)],
            answers: [
                .ok(
                    "The lanes, and whether there are more.",
                    Schemas.object([("lanes", Schemas.array(of: Schemas.reference("Lane"))), ("more", Schemas.truth)])
                )
            ],
            refusals: [.badRequest, .notFound]
        ) { call in
            let snapshot = catalog.current
            let limit = try call.integer("limit", default: 1000, in: 1...Self.listedLanes)
            let lanes = try await reports.log.lanes(try call.lanes(in: snapshot), limit + 1)
            return .json([
                "lanes": .list(lanes.prefix(limit).map { $0.document(in: snapshot) }),
                "more": .truth(lanes.count > limit),
            ])
        }
    }

    private var listPartitions: Operation {
        Operation(
            method: .get,
            path: "/log/partitions/{source}",
            id: "listPartitions",
            group: "log",
            summary: "Lists a source's partitions and what the log keeps of each.",
            answers: [.ok("The partitions.", Schemas.list("partitions", of: "Partition"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let name = try call.name("source")
            guard let source = catalog.current.source(named: name) else { throw APIError.notFound("source", name) }
            return .json(["partitions": .list(try await reports.log.partitions(source.id).map(\.document))])
        }
    }

    private var listEvents: Operation {
        Operation(
            method: .get,
            path: "/log/events/{partition}",
            id: "listEvents",
            group: "log",
            summary: "Gives events of one partition as they were accepted, one JSON text a line, a page at a time.",
            queries: [
                .init(name: "from", schema: Schemas.count, meaning: "The first offset."),
                .init(name: "since", schema: Schemas.moment, meaning: "Not what was accepted before."),
                Self.limit(Self.listedEvents, 100),
            ],
            answers: [
                .init(
                    status: .ok,
                    meaning: "Events in their order, fewer than the limit where they are large; none at the end.",
                    content: .init(types: [("application/x-ndjson", Schemas.reference("LoggedEvent"))])
                )
            ],
            refusals: [.badRequest, .notFound]
        ) { call in
            let text = try call.name("partition")
            guard let partition = PartitionID(text: text) else {
                throw APIError.invalid("A partition is named like 1.0.3: source, generation and number.")
            }
            guard catalog.current.source(partition.source)?.allPartitionIDs.contains(partition) == true else {
                throw APIError.notFound("partition", text)
            }
            var since: Int64?
            if let text = call.query("since") {
                guard let moment = Timestamp.microseconds(text) else {
                    throw APIError.invalid("The query parameter since must be a time such as 2026-11-22T14:30:00Z.")
                }
                since = moment
            }
            let from = call.query("from") == nil ? nil : Int64(try call.integer("from", default: 0, in: 0...(.max)))
            let limit = try call.integer("limit", default: 100, in: 1...Self.listedEvents)
            let events = try await reports.log.events(partition, from, since, limit)
            let lines = events.map { $0.line(partition) + "\n" }
            return APIAnswer(contentType: "application/x-ndjson", text: lines.joined())
        }
    }

    private var auditLog: Operation {
        Operation(
            method: .get,
            path: "/audit",
            id: "auditLog",
            group: "log",
            summary:
                "Proves the counts and the log's order as of one moment, and names everything that does not add up.",
            queries: [
                Self.source,
                .init(
                    name: "deep",
                    schema: Schemas.flag(default: false),
                    meaning: "Reads every chunk that is kept and holds it against its hashes."
                ),
                .init(
                    name: "within",
                    schema: ["type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "default": "1m"],
                    meaning: "How long it may take, at most 10m; what was not reached by then is told."
                ),
            ],
            answers: [.ok("What was looked at and what was found.", Schemas.reference("Audit"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let within = try call.duration("within", default: .seconds(60), atMost: .seconds(600))
            let source = try call.lanes(in: catalog.current).source
            return .json(try await reports.log.audit(source, try call.flag("deep") ?? false, within).document)
        }
    }
}

extension APICall {
    /// Which lanes the query asks for.
    fileprivate func lanes(in snapshot: CatalogSnapshot) throws(APIError) -> LaneFilter {
        var filter = LaneFilter()
        if let name = query("source") {
            guard let source = snapshot.source(named: name) else { throw .notFound("source", name) }
            filter.source = source.id
        }
        if let name = query("connection") {
            guard let connection = snapshot.connections.first(where: { snapshot.name(of: $0) == name }) else {
                throw .notFound("connection", name)
            }
            filter.connection = connection.id
        }
        filter.isBehind = try flag("behind") ?? false
        return filter
    }
}
