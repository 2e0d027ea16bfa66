import Catalog
import EventModel
import HTTPTypes

extension AdminAPI {
    var pathOperations: [Operation] { [readEvent, listTraces, putTrace, deleteTrace] }

    private var readEvent: Operation {
        Operation(
            method: .get,
            path: "/events/{id}",
            id: "readEvent",
            group: "events",
            summary: "Follows one event, by its message id, through everything.",
            queries: [
                .init(
                    name: "user",
                    schema: Schemas.text,
                    meaning: "Its user's key: userId if it had one, else anonymousId. Only their partitions are read."
                ),
                .init(name: "source", schema: Schemas.slug, meaning: "Only events of one source."),
                .init(
                    name: "since",
                    schema: Schemas.moment,
                    meaning: "Not what was accepted before; an hour ago unless this or a user is given."
                ),
            ],
            answers: [.ok("Its way; without copies where no such event was found.", Schemas.reference("EventPath"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            var question = PathQuestion(messageId: try call.name("id"))
            question.user = call.query("user")
            if let name = call.query("source") {
                guard let source = catalog.current.source(named: name) else { throw APIError.notFound("source", name) }
                question.source = source.id
            }
            if let text = call.query("since") {
                guard let moment = Timestamp.microseconds(text) else {
                    throw APIError.invalid("The query parameter since must be a time such as 2026-11-22T14:30:00Z.")
                }
                question.since = moment
            }
            do {
                return .json(try await paths.path(question).document)
            } catch let refusal as PathRefusal {
                throw APIError(.badRequest, "too_much", refusal.description)
            }
        }
    }

    private var listTraces: Operation {
        Operation(
            method: .get,
            path: "/traces",
            id: "listTraces",
            group: "events",
            summary: "Lists the users and messages whose events are followed now.",
            answers: [.ok("Whom, until when, and who wanted it.", Schemas.list("traces", of: "Trace"))]
        ) { _ in
            .json(["traces": .list(paths.tracings().map(\.document))])
        }
    }

    private var putTrace: Operation {
        Operation(
            method: .put,
            path: "/traces/{subject}",
            id: "putTrace",
            group: "events",
            summary: "Follows all events of a user, or a message, for a while: their ways are written down whole.",
            queries: [
                .init(
                    name: "for",
                    schema: ["type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "default": "15m"],
                    meaning: "For how long, at most 1d."
                )
            ],
            answers: [.ok("It is followed.", Schemas.reference("Trace"))],
            refusals: [.badRequest, .unprocessableContent]
        ) { call in
            let subject = try call.name("subject")
            guard subject.utf8.count <= Catalog.maximumSubject else {
                throw APIError.invalid("A user's key or a message id has at most \(Catalog.maximumSubject) bytes.")
            }
            let duration = try call.duration("for", default: .seconds(900), atMost: Catalog.longestTracing)
            return .json(try await paths.follow(subject, duration, call.who).document)
        }
    }

    private var deleteTrace: Operation {
        Operation(
            method: .delete,
            path: "/traces/{subject}",
            id: "deleteTrace",
            group: "events",
            summary: "Follows a user or a message no more; what was written down stays for its time.",
            answers: [.done("It is followed no more.")],
            refusals: [.notFound]
        ) { call in
            try await paths.unfollow(try call.name("subject"), call.who)
            return .nothing
        }
    }
}

extension Tracing {
    var document: Document {
        ["subject": .text(subject), "until": Timestamp.document(until), "who": .text(who)]
    }
}
