import EventJSON
import EventModel

/// The reasons as they are kept: one JSON object of numbers.
extension ReasonCounts {
    var json: String {
        if isEmpty { return "{}" }
        var bytes: [UInt8] = []
        for (reason, count) in events.sorted(by: { $0.key < $1.key }) {
            bytes.append(bytes.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            bytes.appendJSON(reason)
            bytes.append(UInt8(ascii: ":"))
            bytes.appendJSON(count)
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads what was kept; nothing of what is not of that shape.
    init(json: String) {
        self.init()
        guard json != "{}" else { return }
        var tape = JSONTape(limits: .request)
        guard (try? tape.parse(Array(json.utf8))) != nil else { return }
        var events: [String: Int64] = [:]
        for member in tape.members(of: tape.root) {
            if let reason = tape.string(member.key), let count = tape.int64(member.value), count > 0 {
                events[reason] = count
            }
        }
        self.init(events)
    }
}
