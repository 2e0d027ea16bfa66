import Catalog
import EventModel
import HTTPTypes

extension AdminAPI {
    var requeueDeadLetters: Operation {
        Operation(
            method: .post,
            path: "/dead-letters/requeue",
            id: "requeueDeadLetters",
            group: "dead letters",
            summary:
                "Takes dead letters up again, those of each connection as a replay of their own; or only counts them.",
            queries: LetterQuery.kinds + [
                .init(name: "id", schema: Schemas.letterID, meaning: "Only this one."),
                .init(
                    name: "again",
                    schema: Schemas.flag(default: false),
                    meaning: "Also those that were taken up before."
                ),
                .init(name: "rate", schema: Schemas.replayRate, meaning: "Events a second of each, over all nodes."),
                .init(name: "dryRun", schema: Schemas.flag(default: false), meaning: "Only counts them."),
            ],
            answers: [
                .ok("What would be, or there is nothing to be taken up.", Schemas.reference("Requeued")),
                .created("They are taken up.", Schemas.reference("Requeued")),
            ],
            refusals: [.badRequest, .notFound, .unprocessableContent]
        ) { call in
            let rate = try call.integer("rate", default: Replay.standardRate, in: Replay.rateRange)
            let isDryRun = try call.flag("dryRun") ?? false
            let selections = try await selections(call)
            var counts: [LetterCount] = []
            for selection in selections { counts.append(try await catalog.count(selection)) }
            let wanted = zip(selections, counts).filter { $0.1.letters > 0 }
            let replays =
                isDryRun || wanted.isEmpty ? [] : try await catalog.requeue(wanted.map(\.0), rate: rate, by: call.who)
            let begun = Dictionary(replays.map { ($0.connection, $0) }) { $1 }
            let snapshot = catalog.current
            var requeues: [Document] = []
            for (selection, count) in wanted {
                var replay: Document = nil
                if let one = begun[selection.connection] { replay = try await document(one) }
                requeues.append([
                    "connection": .text(snapshot.name(ofConnection: selection.connection)),
                    "letters": .integer(count.letters), "events": .integer(count.events), "replay": replay,
                ])
            }
            let answer: Document = [
                "letters": .integer(counts.reduce(0) { $0 + $1.letters }),
                "events": .integer(counts.reduce(0) { $0 + $1.events }), "requeues": .list(requeues),
            ]
            return .json(answer, status: begun.isEmpty ? .ok : .created)
        }
    }

    /// What the call asks for, connection by connection.
    private func selections(_ call: APICall) async throws -> [LetterSelection] {
        let all = try await letters.consumers()
        var filter = try LetterQuery.filter(call, all)
        let again = try call.flag("again") ?? false
        filter.isRequeued = again ? nil : false
        var consumers = try LetterQuery.consumers(call, all)
        guard consumers != nil || call.query("id") != nil else {
            throw APIError.invalid(
                "Say whose dead letters are meant: give a connection, destination, source or replay, or the id of one."
            )
        }
        var only = filter.messageID == nil ? nil : try await names(of: filter)
        if let text = call.query("id") {
            let id = try LetterQuery.id(text)
            guard try await !letters.records([id]).isEmpty else { throw APIError.noLetter(id) }
            only = (only ?? [id]).filter { $0 == id }
            consumers = (consumers ?? all).filter { $0.id == id.consumer }
        }
        let snapshot = catalog.current
        let connections = Set((consumers ?? []).map(\.connection)).sorted()
        let left = connections.filter { snapshot.connection($0) != nil }
        guard !left.isEmpty || connections.isEmpty else {
            throw APIError.invalid(
                "The connection was removed, so nothing can be sent to it; leat dead-letters export gives its dead letters."
            )
        }
        return left.map { connection in
            var selection = LetterSelection(connection: connection, stage: filter.stage, code: filter.code)
            selection.plugin = filter.plugin
            selection.userHash = filter.user.map { letters.userHash($0) }
            selection.replay = call.query("replay").flatMap { Int64($0) }.map { ConsumerID(rawValue: $0) }
            selection.letters = only
            (selection.since, selection.before, selection.again) = (filter.from, filter.until, again)
            return selection
        }
    }

    /// How long it may take to find the dead letters of one event.
    private static let searchTime = Duration.seconds(20)

    /// The names of all that fit: for what only a look into the events tells.
    private func names(of filter: DeadLetterFilter) async throws -> [DeadLetterID] {
        let deadline = ContinuousClock.now + Self.searchTime
        var found: [DeadLetterID] = []
        var place: DeadLetterID?
        repeat {
            let page = try await letters.page(filter, place, LetterDesk.mostRecords)
            found += page.letters.map(\.id)
            place = page.next
            guard found.count <= LetterSelection.mostLetters else {
                throw APIError.invalid(
                    "More than \(LetterSelection.mostLetters) dead letters fit: give a connection or a time as well."
                )
            }
            guard place == nil || ContinuousClock.now < deadline else {
                throw APIError.invalid(
                    "There are too many dead letters to look for one event in all of them: give its user or a time as well."
                )
            }
        } while place != nil
        return found
    }
}
