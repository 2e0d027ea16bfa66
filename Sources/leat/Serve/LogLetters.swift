import AdminAPI
import Catalog
import EventLog
import EventModel
import Ingestion

extension LetterDesk {
    /// Dead letters as the log keeps them.
    static func live(log: EventLog) -> LetterDesk {
        LetterDesk(
            consumers: { try await log.letterConsumers() },
            page: { try await log.page($0, behind: $1, $2) },
            records: { try await log.letterRecords($0) },
            logged: { try await log.loggedEvents(of: $0) },
            again: { try await log.lettersAgain(of: $0) },
            summary: { try await log.letterSummary(of: $0, from: $1, until: $2) },
            edit: { try await log.edit($0, $1, by: $2) },
            userHash: { EventHash.key($0) }
        )
    }
}

extension EventLog {
    /// The next dead letters that fit, with those left out that only might have had the message id.
    fileprivate func page(
        _ filter: DeadLetterFilter,
        behind place: DeadLetterID?,
        _ limit: Int
    ) async throws -> DeadLetterPage {
        guard let wanted = filter.messageID.map({ EventHash.message($0) }) else {
            return try await letters(filter, behind: place, limit: limit)
        }
        let most = min(limit, Self.lettersRead)
        var page = try await letters(filter, behind: place, limit: most)
        var found: [DeadLetterReport] = []
        for record in try await letterRecords(page.letters.map(\.id)) {
            var message = record.event.flatMap { try? EditedEvent($0).messageHash }
            if message == nil { message = try await loggedMessage(record) }
            if message == wanted { found.append(record.report) }
        }
        page.letters = found
        return page
    }

    /// The message of a dead letter's event as the log has it; nil when it has left the log.
    private func loggedMessage(_ record: DeadLetterRecord) async throws -> MessageHash? {
        let id = record.report.id
        guard let chunk = try await chunk(of: id.partition, holding: id.offset, notBefore: record.acceptedAt),
            chunk.firstOffset <= id.offset, id.offset < chunk.endOffset
        else { return nil }
        let place = Int(id.offset - chunk.firstOffset)
        return chunk.entries[place].messageHash
    }

    /// Keeps another event beside a dead letter if it is one of the same user with the same message id.
    fileprivate func edit(_ id: DeadLetterID, _ event: [UInt8]?, by who: String) async throws -> LetterDesk.Edit {
        if let event {
            guard let record = try await letterRecords([id]).first else { return .gone }
            let edited: EditedEvent
            do throws(EditedEvent.Refusal) {
                edited = try EditedEvent(event)
            } catch {
                return .refused(code: error.code, message: error.message)
            }
            guard edited.userHash == record.report.userHash else {
                return .refused(
                    code: "other_user",
                    message:
                        "The event must stay its user's: leave userId and anonymousId as they are, since events of a "
                        + "user are delivered in order."
                )
            }
            var message = record.event.flatMap { try? EditedEvent($0).messageHash }
            if message == nil { message = try await loggedMessage(record) }
            guard message == nil || message == edited.messageHash else {
                return .refused(
                    code: "other_message",
                    message: "The event must keep its messageId, by which it is found and told from others."
                )
            }
        }
        return try await editLetter(id, event, by: who) ? .kept : .gone
    }
}
