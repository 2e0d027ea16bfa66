import EventJSON
package import EventLog
import EventModel

/// An event that a person wrote, judged as one that was sent.
package struct EditedEvent: Sendable {
    package let userHash: UInt64
    package let messageHash: MessageHash

    /// Why a text is no event that could have been accepted.
    package struct Refusal: Error, Equatable {
        package let code: String
        package let message: String
    }

    package init(_ bytes: [UInt8]) throws(Refusal) {
        var tape = JSONTape()
        do throws(JSONError) {
            try tape.parse(bytes)
        } catch {
            throw Refusal(code: "unreadable", message: "The event is not JSON: \(error).")
        }
        guard tape.member(of: tape.root, "messageId") != nil else {
            throw Refusal(code: "message_id_missing", message: "Event has no messageId")
        }
        var intake = EventIntake()
        let circumstances = EventIntake.Circumstances(
            receivedAt: EventTime(microseconds: 0),
            requestIP: Array("\"\"".utf8)
        )
        intake.begin(circumstances)
        do throws(EventRefusal) {
            let entry = try intake.take(tape.root, of: tape, in: bytes, circumstances)
            (userHash, messageHash) = (entry.userHash, entry.messageHash)
        } catch {
            throw Refusal(code: error.rawValue, message: error.message)
        }
    }
}
