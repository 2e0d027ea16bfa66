/// How requests go that a connector built together, so that the events of each user keep their order.
///
/// The connector's own order holds wherever it can. Requests change places where a later one has to go first. Where each
/// of two has to go before the other, they are cut: a user's events stay together only until one of them belongs to a
/// request that had its turn already. An event in several requests counts where it is first, and stays first there.
enum Arrangement {
    /// Events that go together.
    struct Piece: Equatable {
        /// The requests they are of: one, unless requests share events.
        var requests: [Int] = []
        /// Ascending.
        var events: [Int] = []
        /// Whether this is its request as it was built; any other is to be built anew.
        var isWhole = false
    }

    /// Says in which pieces requests go; events are numbered in the order of the log.
    static func pieces(of requests: [[Int]], user: (Int) -> UInt64) -> [Piece] {
        var first: [Int: Int] = [:]
        var moves: [(from: Int, to: Int)] = []
        for (request, events) in requests.enumerated() {
            for event in events {
                if let earlier = first[event] {
                    moves.append((earlier, request))
                } else {
                    first[event] = request
                }
            }
        }
        var rounds: [Int: Int] = [:]
        var latest: [UInt64: (request: Int, round: Int)] = [:]
        for (event, request) in first.sorted(by: { $0.key < $1.key }) {
            let user = user(event)
            var round = 0
            if let before = latest[user] {
                round = before.round + (request < before.request ? 1 : 0)
                if request != before.request { moves.append((before.request, request)) }
            }
            latest[user] = (request, round)
            rounds[event] = round
        }
        guard let order = order(of: requests.count, moves) else { return cut(requests, rounds) }
        return order.map { Piece(requests: [$0], events: requests[$0].sorted(), isWhole: true) }
    }

    /// How often moves are gone through in search of an order; where that is not enough, requests are cut.
    private static let mostRounds = 64

    /// An order in which every move goes forward; nil when there is none.
    private static func order(of count: Int, _ moves: [(from: Int, to: Int)]) -> [Int]? {
        var ranks = Array(repeating: 0, count: count)
        for _ in 0..<mostRounds {
            var isSettled = true
            for (from, to) in moves {
                let least = ranks[from] + (to < from ? 1 : 0)
                if ranks[to] < least {
                    ranks[to] = least
                    isSettled = false
                }
            }
            if isSettled { return (0..<count).sorted { (ranks[$0], $0) < (ranks[$1], $1) } }
        }
        return nil
    }

    private static func cut(_ requests: [[Int]], _ rounds: [Int: Int]) -> [Piece] {
        struct Place: Hashable {
            var round: Int
            var request: Int
        }
        // An event that is built anew comes back in all its requests, so those that share events are cut together.
        let isShared = requests.reduce(0) { $0 + $1.count } > rounds.count
        var pieces: [Place: Piece] = [:]
        for (request, events) in requests.enumerated() {
            for event in events {
                let place = Place(round: rounds[event] ?? 0, request: isShared ? 0 : request)
                var piece = pieces.removeValue(forKey: place) ?? Piece()
                if piece.requests.last != request { piece.requests.append(request) }
                piece.events.append(event)
                piece.isWhole = !isShared && piece.events.count == events.count
                pieces[place] = piece
            }
        }
        let sorted = pieces.sorted { ($0.key.round, $0.key.request) < ($1.key.round, $1.key.request) }
        return sorted.map { _, piece in
            Piece(requests: piece.requests, events: Set(piece.events).sorted(), isWhole: piece.isWhole)
        }
    }
}
