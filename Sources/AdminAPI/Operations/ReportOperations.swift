import Catalog
import EventModel
import HTTPTypes

extension AdminAPI {
    var reportOperations: [Operation] { [readTimings, readCounts, listRefused] }

    private static let limit = Operation.Query(
        name: "limit",
        schema: [
            "type": "integer", "minimum": 1, "maximum": .integer(APICall.maximumEntries),
            "default": .integer(APICall.standardEntries),
        ],
        meaning: "How many at most, the newest first."
    )

    private var readTimings: Operation {
        Operation(
            method: .get,
            path: "/timings",
            id: "readTimings",
            group: "reports",
            summary: "Shows every plugin's creation time, execution time and input size per version.",
            queries: [Self.since],
            answers: [.ok("One entry per plugin version that ran.", Schemas.list("timings", of: "Timings"))],
            refusals: [.badRequest]
        ) { call in try await timings(of: nil, call) }
    }

    private var readCounts: Operation {
        Operation(
            method: .get,
            path: "/counts",
            id: "readCounts",
            group: "reports",
            summary: "Counts events at every stage, exactly, as of one committed state.",
            answers: [.ok("The counts.", Schemas.reference("StageCounts"))]
        ) { _ in
            .json(try await reports.counts().document(in: catalog.current))
        }
    }

    private var listRefused: Operation {
        Operation(
            method: .get,
            path: "/refused",
            id: "listRefused",
            group: "reports",
            summary: "Lists a sample of the events that were sent and refused.",
            queries: [
                .init(name: "source", schema: Schemas.slug, meaning: "Only those of one source."), Self.limit,
            ],
            answers: [.ok("The sample, the newest first.", Schemas.list("refused", of: "Refused"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let snapshot = catalog.current
            let source = try call.source(in: snapshot)
            let refused = try await reports.refused(source, try call.limit())
            return .json(["refused": .list(refused.map { $0.document(in: snapshot) })])
        }
    }
}

extension APICall {
    /// The most entries of one answer, and how many there are when nobody says.
    fileprivate static let maximumEntries = 1000
    fileprivate static let standardEntries = 100

    /// The source that the query asks for, if it does.
    fileprivate func source(in snapshot: CatalogSnapshot) throws(APIError) -> SourceID? {
        guard let name = query("source") else { return nil }
        guard let source = snapshot.source(named: name) else { throw .notFound("source", name) }
        return source.id
    }

    fileprivate func limit() throws(APIError) -> Int {
        try integer("limit", default: Self.standardEntries, in: 1...Self.maximumEntries)
    }
}
