import Catalog
import EventModel
import HTTPTypes

extension AdminAPI {
    var replayOperations: [Operation] {
        [planReplay, startReplay, listReplays, readReplay, rateReplay]
            + [
                move("pause", to: .paused, "Lets a replay stand still; it goes on where it stood."),
                move("resume", to: .running, "Lets a replay go on that was paused."),
                move("stop", to: .stopped, "Ends a replay; what it has not read is not replayed."),
            ]
    }

    private static let listed = 1000

    private var planReplay: Operation {
        Operation(
            method: .post,
            path: "/replays/plan",
            id: "planReplay",
            group: "replays",
            summary: "Says what a replay would send, and how a sample of it differs from what was sent before.",
            body: .json(Schemas.reference("ReplayWish")),
            answers: [.ok("What it would do; nothing was delivered.", Schemas.reference("ReplayPlan"))],
            refusals: [.badRequest, .notFound, .contentTooLarge, .unprocessableContent]
        ) { call in
            .json(try await replays.plan(try await wish(call)).document)
        }
    }

    private var startReplay: Operation {
        Operation(
            method: .post,
            path: "/replays",
            id: "startReplay",
            group: "replays",
            summary: "Begins a replay: a part of a source's log is sent once more, through today's plugins.",
            body: .json(Schemas.reference("ReplayWish")),
            answers: [.created("It runs.", Schemas.reference("Replay"))],
            refusals: [.badRequest, .notFound, .contentTooLarge, .unprocessableContent]
        ) { call in
            let replay = try await catalog.add(try await wish(call), by: call.who)
            return .json(try await document(replay), status: .created)
        }
    }

    private var listReplays: Operation {
        Operation(
            method: .get,
            path: "/replays",
            id: "listReplays",
            group: "replays",
            summary: "Lists the replays, the newest first.",
            queries: [
                .init(
                    name: "connection",
                    schema: ["type": "string", "pattern": "^[a-z0-9-]+/[a-z0-9-]+$"],
                    meaning: "Only those to one connection, as source/destination."
                ),
                .init(
                    name: "limit",
                    schema: [
                        "type": "integer", "minimum": 1, "maximum": .integer(Self.listed), "default": 100,
                    ],
                    meaning: "How many at most."
                ),
            ],
            answers: [.ok("The replays.", Schemas.list("replays", of: "Replay"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let limit = try call.integer("limit", default: 100, in: 1...Self.listed)
            let connection = try call.query("connection").map { try self.connection(named: $0) }
            let all = try await catalog.replays(of: connection?.id, limit: limit)
            let open = all.filter { $0.endedAt == nil }.map(\.id)
            let lanes = Dictionary(grouping: open.isEmpty ? [] : try await replays.lanes(open), by: \.replay)
            let (snapshot, now) = (catalog.current, replays.now())
            return .json([
                "replays": .list(all.map { $0.document(in: snapshot, lanes[$0.id] ?? [], at: now) })
            ])
        }
    }

    private var readReplay: Operation {
        Operation(
            method: .get,
            path: "/replays/{replay}",
            id: "readReplay",
            group: "replays",
            summary: "Shows one replay, with how far it is on each partition while it has not ended.",
            answers: [.ok("The replay.", Schemas.reference("ReplayDetail"))],
            refusals: [.badRequest, .notFound]
        ) { call in
            let replay = try await catalog.replay(try call.replay())
            let lanes = replay.endedAt == nil ? try await replays.lanes([replay.id]) : []
            let document = replay.document(in: catalog.current, lanes, at: replays.now())
            return .json(document.adding("partitions", .list(lanes.map(\.document))))
        }
    }

    private var rateReplay: Operation {
        Operation(
            method: .put,
            path: "/replays/{replay}/rate",
            id: "rateReplay",
            group: "replays",
            summary: "Lets a replay send faster or slower from now on.",
            queries: [
                .init(
                    name: "rate",
                    schema: Schemas.replayRate,
                    meaning: "Events a second, over all nodes.",
                    isRequired: true
                )
            ],
            answers: [.ok("The replay.", Schemas.reference("Replay"))],
            refusals: [.badRequest, .notFound, .unprocessableContent]
        ) { call in
            guard call.query("rate") != nil else {
                throw APIError.invalid("The query parameter rate is missing: how many events a second.")
            }
            let rate = try call.integer("rate", default: Replay.standardRate, in: Replay.rateRange)
            return .json(try await document(try await catalog.set(rate: rate, of: try call.replay(), by: call.who)))
        }
    }

    private func move(_ word: String, to state: Replay.State, _ summary: String) -> Operation {
        Operation(
            method: .post,
            path: "/replays/{replay}/\(word)",
            id: "\(word)Replay",
            group: "replays",
            summary: summary,
            answers: [.ok("The replay.", Schemas.reference("Replay"))],
            refusals: [.badRequest, .notFound, .unprocessableContent]
        ) { call in
            .json(try await document(try await catalog.set(state, of: try call.replay(), by: call.who)))
        }
    }

    /// The replay with how far it is.
    func document(_ replay: Replay) async throws -> Document {
        let lanes = replay.endedAt == nil ? try await replays.lanes([replay.id]) : []
        return replay.document(in: catalog.current, lanes, at: replays.now())
    }

    private func connection(named name: String) throws(APIError) -> Connection {
        let snapshot = catalog.current
        guard let connection = snapshot.connections.first(where: { snapshot.name(of: $0) == name }) else {
            throw .notFound("connection", name)
        }
        return connection
    }

    /// What the body asks for; times are moments, or durations before now.
    private func wish(_ call: APICall) async throws -> ReplayWish {
        let body = try await call.entry(named: [:]) { document, path, problems in
            ReplayWish.Body(reading: document, at: path, &problems)
        }
        let connection = try connection(named: body.connection)
        let now = replays.now()
        var problems: [Problem] = []
        let from = Self.moment(body.from, before: now, "from", &problems)
        let until = body.until.map { Self.moment($0, before: now, "until", &problems) } ?? now
        if problems.isEmpty, from > until { problems.append(Problem(Place(path: "from"), "must not be after until")) }
        guard problems.isEmpty else { throw APIError.refused(problems) }
        return ReplayWish(
            connection: connection.id,
            from: from,
            until: until,
            filter: body.filter,
            rate: body.rate
        )
    }

    /// The earliest and the latest moment that PostgreSQL and everybody else can write.
    private static let moments: ClosedRange<Int64> = 0...4_102_444_800_000_000

    private static func moment(
        _ text: String,
        before now: Int64,
        _ key: String,
        _ problems: inout [Problem]
    ) -> Int64 {
        if let moment = Timestamp.microseconds(text), moments.contains(moment) { return moment }
        if let milliseconds = DurationText.milliseconds(text), milliseconds <= now / 1000 {
            return now - milliseconds * 1000
        }
        let message = "must be a time such as 2026-11-22T14:30:00Z, or how long ago, such as 24h"
        problems.append(Problem(Place(path: key), message))
        return 0
    }
}

extension APICall {
    fileprivate func replay() throws(APIError) -> ConsumerID {
        let text = try name("replay")
        guard let number = Int64(text), number > 0 else { throw .invalid("A replay is named by its number.") }
        return ConsumerID(rawValue: number)
    }
}
