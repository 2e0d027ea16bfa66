import Catalog
import EventModel
import HTTPTypes

extension AdminAPI {
    /// Those of fixed paths stand before those that name a dead letter.
    var letterOperations: [Operation] {
        [
            listDeadLetters, summarizeDeadLetters, exportDeadLetters, requeueDeadLetters, readDeadLetter,
            editDeadLetter,
            revertDeadLetter,
        ]
    }

    private static let mostListed = 1000
    private static let standardListed = 100

    private var listDeadLetters: Operation {
        Operation(
            method: .get,
            path: "/dead-letters",
            id: "listDeadLetters",
            group: "dead letters",
            summary: "Lists events that are not tried again without a person, the newest first, a page at a time.",
            queries: LetterQuery.queries + [
                .init(
                    name: "limit",
                    schema: [
                        "type": "integer", "minimum": 1, "maximum": .integer(Self.mostListed),
                        "default": .integer(Self.standardListed),
                    ],
                    meaning: "How many at most; fewer where many had to be looked at, while next says where to go on."
                ), .init(name: "cursor", schema: Schemas.letterID, meaning: "What the page before gave as next."),
            ],
            answers: [.ok("The dead letters.", Schemas.reference("DeadLetters"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let consumers = try await letters.consumers()
            let names = LetterNames(catalog.current, consumers)
            let filter = try LetterQuery.filter(call, consumers)
            let limit = try call.integer("limit", default: Self.standardListed, in: 1...Self.mostListed)
            let cursor = try call.query("cursor").map { text throws(APIError) in try LetterQuery.id(text) }
            let page = try await letters.page(filter, cursor, limit)
            return .json([
                "deadLetters": .list(page.letters.map { $0.document(names) }),
                "next": .text(page.next?.description),
            ])
        }
    }

    private var summarizeDeadLetters: Operation {
        Operation(
            method: .get,
            path: "/dead-letters/summary",
            id: "summarizeDeadLetters",
            group: "dead letters",
            summary: "Counts dead letters by connection, replay, stage, reason and plugin version.",
            queries: LetterQuery.places + LetterQuery.times,
            answers: [
                .ok(
                    "The largest groups first, and how many dead letters had their time and are gone.",
                    Schemas.reference("DeadLetterSummary")
                )
            ],
            refusals: [.badRequest, .notFound]
        ) { call in
            // Those of the connections before those of replays, in case that there is no time for all.
            let all = try await letters.consumers()
            let consumers = all.filter { $0.replay == nil } + all.filter { $0.replay != nil }
            let filter = try LetterQuery.filter(call, consumers)
            let summary = try await letters.summary(
                filter.consumers ?? consumers.map(\.id),
                filter.from,
                filter.until
            )
            return .json(summary.document(LetterNames(catalog.current, consumers)))
        }
    }

    private var exportDeadLetters: Operation {
        Operation(
            method: .get,
            path: "/dead-letters/export",
            id: "exportDeadLetters",
            group: "dead letters",
            summary:
                "Gives dead letters whole, each as one of them is shown, one JSON text a line, as many as there are.",
            queries: LetterQuery.queries + [
                .init(
                    name: "format",
                    schema: ["type": "string", "enum": ["jsonl"], "default": "jsonl"],
                    meaning: "The form of the answer."
                )
            ],
            answers: [
                .init(
                    status: .ok,
                    meaning: "The dead letters, the newest first. An answer that is cut off was not finished.",
                    content: .init(types: [("application/x-ndjson", Schemas.reference("DeadLetterWhole"))])
                )
            ],
            refusals: [.badRequest, .notFound]
        ) { call in
            guard ["jsonl", nil].contains(call.query("format")) else {
                throw APIError.invalid("The query parameter format must be jsonl.")
            }
            let desk = letters
            let consumers = try await desk.consumers()
            let names = LetterNames(catalog.current, consumers)
            let export = LetterExport(try LetterQuery.filter(call, consumers))
            return APIAnswer(contentType: "application/x-ndjson") { try await export.next(from: desk, names) }
        }
    }

    private var readDeadLetter: Operation {
        Operation(
            method: .get,
            path: "/dead-letters/{id}",
            id: "readDeadLetter",
            group: "dead letters",
            summary: "Shows everything that is kept of one dead letter.",
            answers: [.ok("The dead letter.", Schemas.reference("DeadLetterWhole"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let id = try call.letter()
            let names = LetterNames(catalog.current, try await letters.consumers())
            guard let letter = try await letters.documents([id], names).first else { throw APIError.noLetter(id) }
            return .json(letter)
        }
    }

    private var editDeadLetter: Operation {
        Operation(
            method: .put,
            path: "/dead-letters/{id}/payload",
            id: "editDeadLetter",
            group: "dead letters",
            summary: "Keeps another event beside the one that died, to be taken instead when it is requeued.",
            body: .json(["type": "object", "description": "The whole event; its user and its messageId must stay."]),
            answers: [.done("It is kept; what was kept of the dead letter stays as it is.")],
            refusals: [.badRequest, .notFound, .contentTooLarge, .unprocessableContent]
        ) { call in
            let id = try call.letter()
            return try await edit(id, try await call.body(atMost: Limits.eventBytes), call.who)
        }
    }

    private var revertDeadLetter: Operation {
        Operation(
            method: .delete,
            path: "/dead-letters/{id}/payload",
            id: "revertDeadLetter",
            group: "dead letters",
            summary: "Forgets the event that was kept instead, so that the one as accepted counts again.",
            answers: [.done("It is forgotten.")],
            refusals: [.badRequest, .notFound]
        ) { call in try await edit(try call.letter(), nil, call.who) }
    }

    private func edit(_ id: DeadLetterID, _ event: [UInt8]?, _ who: String) async throws -> APIAnswer {
        switch try await letters.edit(id, event, who) {
        case .kept: return .nothing
        case .gone: throw APIError.noLetter(id)
        case .refused(let code, let message): throw APIError(.unprocessableContent, code, message)
        }
    }
}

extension APICall {
    fileprivate func letter() throws(APIError) -> DeadLetterID { try LetterQuery.id(try name("id")) }
}

extension APIError {
    static func noLetter(_ id: DeadLetterID) -> APIError { .notFound("dead letter", id.description) }
}
