import Pipeline
import TestSupport
import Testing

@Suite struct UserOrderTests {
    @Test func `Requests of different users do not wait for each other`() {
        var order = UserOrder()
        #expect(order.append(1, users: [10]) == true)
        #expect(order.append(2, users: [20]) == true)
        #expect(order.append(3, users: [10, 20]) == false)
        #expect(order.append(4, users: [10]) == false)
        #expect(order.append(5, users: [30]) == true)
        #expect(order.remove(1) == [])
        #expect(order.remove(2) == [3])
        #expect(order.remove(3) == [4])
        #expect(order.remove(4) == [])
        #expect(order.remove(5) == [])
        #expect(order.isEmpty && order.users == 0)
    }

    @Test func `A divided request keeps its place for each of its users`() {
        var order = UserOrder()
        #expect(order.append(1, users: [10, 20, 30]) == true)
        #expect(order.append(2, users: [20]) == false)
        #expect(order.append(3, users: [10, 30]) == false)
        let ready = order.replace(1, with: [(11, [10]), (12, [20, 30]), (13, [20])])
        #expect(Set(ready) == [11, 12])
        #expect(order.requests(of: 20) == [12, 13, 2])
        #expect(order.remove(11) == [])
        let freed = order.remove(12)
        #expect(Set(freed) == [13, 3])
        #expect(order.remove(13) == [2])
    }

    @Test func `A user who waits elsewhere holds nobody back`() {
        var order = UserOrder()
        #expect(order.append(1, users: [10]) == true)
        #expect(order.append(2, users: [10, 20]) == false)
        #expect(order.append(3, users: [10]) == false)
        #expect(order.append(4, users: [20]) == false)
        #expect(order.remove(1) == [2])
        order.hold(2)
        #expect(order.leave(10, request: 2) == [3])
        #expect(order.leave(10, request: 3) == [])
        #expect(order.isReady(3) && !order.isReady(2))
        #expect(order.remove(3) == [])
        #expect(order.replace(2, with: [(5, [20])]) == [5])
        #expect(order.remove(5) == [4])
    }

    @Test(arguments: 0..<60)
    func `Whatever happens, what is sent is in order for each user and everything is sent`(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var order = UserOrder()
        // What each request carries: (user, position in that user's sequence).
        var carried: [Int: [(user: UInt64, position: Int)]] = [:]
        var positions: [UInt64: Int] = [:]
        var sent: [UInt64: Int] = [:]
        var ready: [Int] = []
        var next = 0
        var total = 0
        func users(_ request: Int) -> [UInt64] { carried[request]?.map(\.user) ?? [] }
        for step in 0..<2_000 {
            if step < 1_500, random.next() % 2 == 0 {
                let events = (0..<Int(random.next() % 6 + 1)).map { _ -> (user: UInt64, position: Int) in
                    let user = random.next() % 12
                    positions[user, default: 0] += 1
                    return (user, positions[user] ?? 0)
                }
                total += events.count
                next += 1
                carried[next] = events
                if order.append(next, users: events.map(\.user)) { ready.append(next) }
                continue
            }
            guard let place = ready.indices.randomElement(using: &random) else { continue }
            let request = ready.remove(at: place)
            let events = carried[request] ?? []
            if events.count > 1, random.next() % 3 == 0 {
                let cut = Int(random.next() % UInt64(events.count - 1)) + 1
                let parts = [Array(events[..<cut]), Array(events[cut...])]
                let others = parts.map { part -> (request: Int, users: [UInt64]) in
                    next += 1
                    carried[next] = part
                    return (next, part.map(\.user))
                }
                carried[request] = nil
                order.hold(request)
                ready += order.replace(request, with: others)
            } else {
                for event in events {
                    #expect(sent[event.user, default: 0] + 1 == event.position)
                    sent[event.user] = event.position
                    total -= 1
                }
                carried[request] = nil
                ready += order.remove(request)
            }
        }
        while let request = ready.popLast() {
            for event in carried[request] ?? [] {
                #expect(sent[event.user, default: 0] + 1 == event.position)
                sent[event.user] = event.position
                total -= 1
            }
            ready += order.remove(request)
        }
        #expect(total == 0 && order.isEmpty && order.users == 0)
    }
}
