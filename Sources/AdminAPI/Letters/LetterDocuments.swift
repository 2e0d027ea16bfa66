import Catalog
import EventModel

// How dead letters look in an answer; `Description/Schemas+Letters.swift` says the same for programs.

/// How those are called to whom dead letters belong.
struct LetterNames: Sendable {
    private let snapshot: CatalogSnapshot
    private let consumers: [ConsumerID: LetterConsumer]

    init(_ snapshot: CatalogSnapshot, _ consumers: [LetterConsumer]) {
        self.snapshot = snapshot
        self.consumers = Dictionary(consumers.map { ($0.id, $0) }) { $1 }
    }

    /// The connection, and, where a replay to it made the dead letters, its number.
    func members(_ consumer: ConsumerID) -> [(String, Document)] {
        let known = consumers[consumer]
        return [
            ("connection", .text(snapshot.name(ofConnection: known?.connection ?? consumer))),
            ("replay", known?.replay.map { .integer($0.rawValue) } ?? nil),
        ]
    }

    func destination(_ consumer: ConsumerID) -> Document { .text(consumers[consumer]?.destination) }
}

extension DeadLetterReport {
    func document(_ names: LetterNames) -> Document {
        let place: [(String, Document)] = [
            ("partition", .text(id.partition.description)), ("offset", .integer(id.offset)),
            ("part", id.part.map { .integer($0) } ?? nil), ("at", Timestamp.document(id.at)),
        ]
        let end: [(String, Document)] = [
            ("stage", .text(stage)), ("code", .text(code)), ("message", .text(message)), ("plugin", .text(plugin)),
            ("attempts", .integer(attempts)), ("edited", edited.map { $0.document() } ?? nil),
            ("requeued", requeued.map { $0.document("replay ") } ?? nil),
        ]
        return .object([("id", .text(id.description))] + names.members(id.consumer) + place + end)
    }
}

extension DeadLetterReport.Deed {
    fileprivate func document(_ kind: String = "") -> Document {
        ["at": Timestamp.document(at), "by": .text(kind + by)]
    }
}

extension LetterDesk {
    /// Everything that is known of these, in their order; those that are not there any more are left out.
    func documents(_ ids: [DeadLetterID], _ names: LetterNames) async throws -> [Document] {
        let records = try await records(ids)
        guard !records.isEmpty else { return [] }
        let logged = try await logged(records)
        let again = try await again(records.map(\.report))
        return records.map { record in
            let id = record.report.id
            return record.document(names, logged: logged.bodies[id])
                .adding("inLog", .truth(logged.held.contains(id)))
                .adding("again", .list((again[id] ?? []).map { .text($0.description) }))
        }
    }
}

extension DeadLetterRecord {
    /// With the event from the log, if it was not kept with the dead letter.
    fileprivate func document(_ names: LetterNames, logged: [UInt8]?) -> Document {
        report.document(names)
            .adding("acceptedAt", Timestamp.document(acceptedAt))
            .adding("event", .text((event ?? logged).map { String(decoding: $0, as: UTF8.self) }))
            .adding("transformed", .text(transformed.map { String(decoding: $0, as: UTF8.self) }))
            .adding("editedEvent", .text(edited.map { String(decoding: $0, as: UTF8.self) }))
            .adding("history", history.flatMap { try? Document.json($0) }?.tellingRequestsOnce ?? nil)
    }
}

extension Document {
    /// A list of attempts, of which those that sent the same as the one before do not say it again.
    fileprivate var tellingRequestsOnce: Document {
        guard let attempts = elements else { return self }
        var last: Document?
        return .list(
            attempts.map { attempt in
                guard let members = attempt.members, let request = attempt["request"]?.withoutLines else {
                    return attempt
                }
                defer { last = request }
                guard request == last else { return attempt }
                return .object(members.filter { $0.key != "request" }.map { ($0.key, $0.value) })
            }
        )
    }
}

extension DeadLetterSummary {
    func document(_ names: LetterNames) -> Document {
        [
            "groups": .list(groups.map { $0.document(names) }),
            "cut": .truth(cutAt != nil || uncounted > 0),
            "countedSince": cutAt.map { Timestamp.document($0) } ?? nil,
            "uncountedConnections": .integer(uncounted),
            "expired": .list(
                expired.sorted { $0.key < $1.key }.map { consumer, letters in
                    Document.object(names.members(consumer).prefix(1) + [("letters", .integer(letters))])
                }
            ),
        ]
    }
}

extension DeadLetterGroup {
    fileprivate func document(_ names: LetterNames) -> Document {
        let members: [(String, Document)] = [
            ("destination", names.destination(consumer)), ("stage", .text(stage)), ("code", .text(code)),
            ("plugin", .text(plugin)), ("letters", .integer(letters)), ("first", Timestamp.document(first)),
            ("last", Timestamp.document(last)),
        ]
        return .object(names.members(consumer) + members)
    }
}
