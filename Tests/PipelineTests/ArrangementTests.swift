import TestSupport
import Testing

@testable import Pipeline

@Suite struct ArrangementTests {
    private func whole(_ request: Int, _ events: [Int]) -> Arrangement.Piece {
        Arrangement.Piece(requests: [request], events: events, isWhole: true)
    }

    private func cut(_ requests: [Int], _ events: [Int]) -> Arrangement.Piece {
        Arrangement.Piece(requests: requests, events: events, isWhole: false)
    }

    @Test func `Requests keep the connector's order where their users do not mind`() {
        let pieces = Arrangement.pieces(of: [[3, 1], [0, 2]]) { UInt64($0) }
        #expect(pieces == [whole(0, [1, 3]), whole(1, [0, 2])])
    }

    @Test func `A request that has to go first goes first`() {
        #expect(Arrangement.pieces(of: [[1], [0]]) { _ in 7 } == [whole(1, [0]), whole(0, [1])])
        let odd = Arrangement.pieces(of: [[0, 2, 5], [1, 4], [3]]) { [9, 7, 7, 8, 8, 5][$0] }
        #expect(odd == [whole(2, [3]), whole(1, [1, 4]), whole(0, [0, 2, 5])])
    }

    @Test func `Requests that have to go before each other are cut, and no more than they must be`() {
        let requests = [[0, 1, 2, 4, 5], [3], [6, 7, 8, 9]]
        let pieces = Arrangement.pieces(of: requests) { [2, 3, 5].contains($0) ? 1 : 2 }
        #expect(pieces == [cut([0], [0, 1, 2, 4]), whole(1, [3]), whole(2, [6, 7, 8, 9]), cut([0], [5])])
    }

    @Test func `Requests that share events are cut together, so that no part is asked for twice`() {
        let pieces = Arrangement.pieces(of: [[0, 2], [1, 2], [3]]) { _ in 7 }
        #expect(pieces == [cut([0, 1], [0, 1]), cut([0, 1, 2], [2, 3])])
    }

    @Test func `A request that repeats events does not overtake the one that has them first`() {
        let pieces = Arrangement.pieces(of: [[4], [1, 3], [0, 4], [2]]) { [9, 7, 8, 8, 7][$0] }
        #expect(pieces == [whole(3, [2]), whole(1, [1, 3]), whole(0, [4]), whole(2, [0, 4])])
    }

    @Test(arguments: 0..<200)
    func `Whatever requests share, every event is first sent after the earlier ones of its user`(seed: Int) {
        var dice = SplitMix(seed: UInt64(seed))
        let users = 1 + dice.next() % 9
        let count = 2 + Int(dice.next() % 12)
        var requests = [[Int]](repeating: [], count: count)
        let events = Int(dice.next() % 30)
        for event in 0..<events {
            for place in Set((0...dice.next() % 2).map { _ in dice.next() % UInt64(count) }) {
                requests[Int(place)].append(event)
            }
        }
        requests.removeAll { $0.isEmpty }
        let pieces = Arrangement.pieces(of: requests) { UInt64($0) % users }
        var sent: Set<Int> = []
        for event in pieces.flatMap(\.events) where sent.insert(event).inserted {
            #expect((0..<event).allSatisfy { UInt64($0) % users != UInt64(event) % users || sent.contains($0) })
        }
        #expect(sent.count == events)
        // What is built anew is asked for once.
        let anew = pieces.filter { !$0.isWhole }.flatMap(\.events)
        #expect(anew.count == Set(anew).count)
    }

    @Test(arguments: 0..<60)
    func `Whatever a connector groups, users stay in order and nothing is lost or doubled`(seed: Int) {
        var dice = SplitMix(seed: UInt64(seed))
        let users = 1 + dice.next() % 9
        let count = 1 + Int(dice.next() % 12)
        var requests = [[Int]](repeating: [], count: count)
        for event in 0..<Int(dice.next() % 80) { requests[Int(dice.next() % UInt64(count))].append(event) }
        requests.removeAll { $0.isEmpty }
        let pieces = Arrangement.pieces(of: requests) { UInt64($0) % users }
        for user in 0..<users {
            let order = pieces.flatMap(\.events).filter { UInt64($0) % users == user }
            #expect(order == order.sorted())
        }
        #expect(pieces.flatMap(\.events).sorted() == requests.flatMap(\.self).sorted())
        for piece in pieces {
            #expect(piece.requests.count == 1)
            #expect(Set(piece.events).isSubset(of: requests[piece.requests[0]]))
            #expect(piece.isWhole == (piece.events == requests[piece.requests[0]]))
        }
    }
}
