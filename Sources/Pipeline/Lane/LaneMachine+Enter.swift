import EventLog
import PluginHost
import WorkerProtocol

/// How a connector's requests are made out, so that they can stand in the lines of their users.
extension LaneMachine {
    /// What stands in the lines for a request, or for a piece of requests that is built anew.
    struct Entry {
        /// The requests it is of.
        let requests: [Int]
        /// Those that are open; ascending.
        let parts: [PartReference]
        /// Whether the request can go as it was built.
        let isWhole: Bool
        /// Counts from 0 among those with exactly these parts.
        var ordinal = 0
    }

    /// What is to be entered for requests, in the order in which it may go; `reference` names the part at a place.
    func entries(_ requests: [PluginRequest], _ reference: (Int) -> PartReference?) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(requests.count)
        var latest = -1
        var isAscending = true
        var isRepeating = false
        for (number, request) in requests.enumerated() {
            var parts: [PartReference] = []
            parts.reserveCapacity(request.events.count)
            var isWhole = true
            for position in request.events {
                guard let reference = reference(position) else { continue }
                guard isOpen(reference) else {
                    isWhole = false
                    continue
                }
                if reference.part < latest { isAscending = false }
                if reference.part == latest { isRepeating = true }
                latest = reference.part
                parts.append(reference)
            }
            if !parts.isEmpty { entries.append(Entry(requests: [number], parts: parts, isWhole: isWhole)) }
        }
        // Where parts only ever ascend, no two requests have the same.
        if isRepeating || !isAscending { number(&entries) }
        return isAscending ? entries : arranged(entries)
    }

    /// Tells requests with the same parts apart, so that each has a key of its own.
    private func number(_ entries: inout [Entry]) {
        var counts: [[PartReference]: Int] = [:]
        for index in entries.indices where entries[index].isWhole {
            let parts = entries[index].parts.sorted { $0.part < $1.part }
            entries[index].ordinal = counts[parts, default: 0]
            counts[parts, default: 0] += 1
        }
    }

    /// Requests in which a later event stands before an earlier one, which may be of the same user.
    private func arranged(_ entries: [Entry]) -> [Entry] {
        guard let portion = entries.first?.parts.first?.portion else { return entries }
        let pieces = Arrangement.pieces(of: entries.map { $0.parts.map(\.part) }) { part in
            line(of: PartReference(portion: portion, part: part))
        }
        return pieces.map { piece in
            Entry(
                requests: piece.requests.flatMap { entries[$0].requests },
                parts: piece.events.map { PartReference(portion: portion, part: $0) },
                isWhole: piece.isWhole && piece.requests.allSatisfy { entries[$0].isWhole },
                ordinal: entries[piece.requests[0]].ordinal
            )
        }
    }

    /// Puts requests at the ends of their users' lines; what cannot go as it was built is built anew in its place.
    mutating func enter(_ requests: [PluginRequest], under lanePlan: Int, _ reference: (Int) -> PartReference?) {
        for entry in entries(requests, reference) {
            let (number, users) = open(entry, requests, under: lanePlan)
            if order.append(number, users: users, held: !entry.isWhole) { ready.append(number) }
            if !entry.isWhole { rework(number, into: [entry.parts]) }
        }
    }

    /// Gives an entry its number, and says whose lines it belongs in.
    mutating func open(
        _ entry: Entry,
        _ requests: [PluginRequest],
        under lanePlan: Int,
        again: Again? = nil
    ) -> (number: Int, users: [UInt64]) {
        let number = nextRequest
        nextRequest += 1
        self.requests[number] = OpenRequest(
            content: requests[entry.requests[0]],
            parts: entry.parts,
            ordinal: entry.ordinal,
            lanePlan: lanePlan,
            state: entry.isWhole ? .waiting : .held,
            again: again
        )
        var users: [UInt64] = []
        users.reserveCapacity(entry.parts.count + 1)
        for reference in entry.parts {
            mutate(reference) { $0.pending += 1 }
            users.append(line(of: reference))
        }
        // A connector's own ordering key is as if it were a user; the byte before it keeps it out of the line of a user of
        // that name.
        for key in entry.requests.map({ requests[$0].orderingKey }) where !key.isEmpty {
            users.append(EventHash.key([0] + Array(key.utf8)))
        }
        return (number, users)
    }
}
