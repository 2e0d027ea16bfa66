/// Which requests of a lane may be sent so that no event is first delivered before an earlier one of its user.
///
/// Every user has a line of the requests that carry events of theirs, in the order of the log. A request may be sent when
/// it is at the head of the lines of all its users and nobody holds it. Users are known by hash: two that collide wait
/// for each other, which is slow and not wrong.
package struct UserOrder: Sendable {
    /// One request's place in one user's line.
    private struct Place {
        var request: Int
        var user: UInt64
        /// The next place of the same line, or -1.
        var behind: Int
        /// The next place of the same request, or -1.
        var sibling: Int
    }

    private struct Line {
        var head: Int
        var tail: Int
    }

    private struct Entry {
        /// The first of its places, or -1.
        var places: Int
        /// Lines in which it is not at the head, and one more while it is held.
        var blockers: Int
        var held: Bool
    }

    private var lines: [UInt64: Line] = [:]
    private var entries: [Int: Entry] = [:]
    private var places: [Place] = []
    private var free: [Int] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }
    /// Users with at least one request here.
    package var users: Int { lines.count }

    package func contains(_ request: Int) -> Bool { entries[request] != nil }

    /// Whether a request may be sent now.
    package func isReady(_ request: Int) -> Bool { entries[request]?.blockers == 0 }

    /// Puts a request at the end of its users' lines, and says whether it may be sent now.
    package mutating func append(_ request: Int, users: some Sequence<UInt64>, held: Bool = false) -> Bool {
        var entry = Entry(places: -1, blockers: held ? 1 : 0, held: held)
        for user in users {
            if let line = lines[user] {
                // A user who is in it twice has one place.
                if places[line.tail].request == request { continue }
                let place = take(Place(request: request, user: user, behind: -1, sibling: entry.places))
                places[line.tail].behind = place
                lines[user] = Line(head: line.head, tail: place)
                entry.places = place
                entry.blockers += 1
            } else {
                let place = take(Place(request: request, user: user, behind: -1, sibling: entry.places))
                lines[user] = Line(head: place, tail: place)
                entry.places = place
            }
        }
        entries[request] = entry
        return entry.blockers == 0
    }

    /// Takes a request out that has come to its end, and returns those that may be sent because of it.
    package mutating func remove(_ request: Int) -> [Int] {
        guard let entry = entries.removeValue(forKey: request) else { return [] }
        var ready: [Int] = []
        var place = entry.places
        while place >= 0 {
            let next = places[place].sibling
            unlink(place, &ready)
            place = next
        }
        return ready
    }

    /// Keeps a request from being sent until it is replaced.
    package mutating func hold(_ request: Int) {
        guard var entry = entries[request], !entry.held else { return }
        entry.held = true
        entry.blockers += 1
        entries[request] = entry
    }

    /// Puts several requests into the places of one, in their own order, and returns those that may be sent now.
    ///
    /// A user whom none of them carries leaves the line; every user of theirs must be one of the old request's.
    package mutating func replace(_ request: Int, with others: [(request: Int, users: [UInt64])]) -> [Int] {
        guard let old = entries.removeValue(forKey: request) else { return [] }
        // Held until every place is taken, or one would be let go after its first user.
        for other in others { entries[other.request] = Entry(places: -1, blockers: 1, held: false) }
        var ready: [Int] = []
        var place = old.places
        while place >= 0 {
            let next = places[place].sibling
            let user = places[place].user
            var after = place
            for other in others where other.users.contains(user) {
                guard var entry = entries[other.request] else { continue }
                let new = take(
                    Place(request: other.request, user: user, behind: places[after].behind, sibling: entry.places)
                )
                places[after].behind = new
                if lines[user]?.tail == after { lines[user]?.tail = new }
                entry.places = new
                // The old place is still before it, and leaves below.
                entry.blockers += 1
                entries[other.request] = entry
                after = new
            }
            unlink(place, &ready)
            place = next
        }
        for other in others {
            entries[other.request]?.blockers -= 1
            if entries[other.request]?.blockers == 0 { ready.append(other.request) }
        }
        return ready
    }

    /// Takes a user out of one request, because their events wait elsewhere from now on, and returns those that may be
    /// sent because of it.
    package mutating func leave(_ user: UInt64, request: Int) -> [Int] {
        guard let entry = entries[request] else { return [] }
        var place = entry.places
        while place >= 0, places[place].user != user { place = places[place].sibling }
        guard place >= 0 else { return [] }
        var ready: [Int] = []
        forget(place, of: request)
        if lines[user]?.head != place {
            entries[request]?.blockers -= 1
            if entries[request]?.blockers == 0 { ready.append(request) }
        }
        unlink(place, &ready)
        return ready
    }

    /// The requests of a user, in order.
    package func requests(of user: UInt64) -> [Int] {
        var found: [Int] = []
        var place = lines[user]?.head ?? -1
        while place >= 0 {
            found.append(places[place].request)
            place = places[place].behind
        }
        return found
    }

    private mutating func take(_ place: Place) -> Int {
        if let index = free.popLast() {
            places[index] = place
            return index
        }
        places.append(place)
        return places.count - 1
    }

    /// Takes one place out of its line; whoever comes to the head has one blocker less.
    private mutating func unlink(_ place: Int, _ ready: inout [Int]) {
        let user = places[place].user
        let behind = places[place].behind
        free.append(place)
        guard let line = lines[user] else { return }
        if line.head == place {
            guard behind >= 0 else {
                lines[user] = nil
                return
            }
            lines[user] = Line(head: behind, tail: line.tail)
            let request = places[behind].request
            guard let index = entries.index(forKey: request) else { return }
            entries.values[index].blockers -= 1
            if entries.values[index].blockers == 0 { ready.append(request) }
        } else {
            var before = line.head
            while places[before].behind != place, places[before].behind >= 0 { before = places[before].behind }
            places[before].behind = behind
            if line.tail == place { lines[user] = Line(head: line.head, tail: before) }
        }
    }

    /// Takes one place out of its request's own list.
    private mutating func forget(_ place: Int, of request: Int) {
        guard var entry = entries[request] else { return }
        if entry.places == place {
            entry.places = places[place].sibling
            entries[request] = entry
            return
        }
        var before = entry.places
        while before >= 0, places[before].sibling != place { before = places[before].sibling }
        if before >= 0 { places[before].sibling = places[place].sibling }
    }
}
