import Foundation
import Synchronization
import TestSupport
import Testing

/// Servers and their database on hosts of their own, between which links are cut while events flow.
@Suite(
    .serialized,
    .timeLimit(.minutes(10)),
    .enabled("making hosts takes root or an own user namespace, and the packages iproute2 and util-linux") {
        try await Network.mayBeMade()
    }
)
struct HostsTests {
    @Test func `A server that is cut off from its database hands over, begins nothing more, and comes back`()
        async throws
    {
        let slowness = Slowness()
        try await Site.with({ _ in slowness.reaction }) { site in
            let senders = try site.senders()
            var repeats = 0
            try await senders.during {
                // Something is left to be sent for longer than a lease.
                slowness.isOn = true
                try await Task.sleep(for: .seconds(3))
                try await site.network.cut(site.one, site.base)
                let cut = ContinuousClock.now
                try await site.wait(on: "two", for: ["two": 8])
                let taken = ContinuousClock.now
                repeats = try await site.metric("leat_delivery_uncommitted_events", of: "one")
                #expect(try await site.metric("leat_lease_lapses_total", of: "one") >= 1)
                slowness.isOn = false
                // Its sessions are given up meanwhile, and it looks for new ones.
                try await Task.sleep(until: cut + .seconds(14), clock: .continuous)
                try await senders.wait("the server that was cut off answered nobody") {
                    $0.server == "one" && $0.began > cut && $0.status == 503
                }
                // So many that what follows means something.
                try await senders.wait("the server that was cut off answered few", times: 6) {
                    $0.server == "one" && $0.began > cut
                }
                let two = site.two.address
                #expect(
                    await site.shop.receiver.wait(atMost: .seconds(60)) { requests in
                        requests.count { $0.peer == two && $0.at > taken } > 5
                    }
                )
                let healed = ContinuousClock.now
                try await site.network.heal(site.one, site.base)
                try await site.wait(on: "two", for: ["one": 4, "two": 4])
                #expect(healed.duration(to: .now) < .seconds(30))
                try await senders.wait("the server that was cut off accepts nothing more") {
                    $0.server == "one" && $0.began > healed && $0.status == 200
                }
                refuses(senders, from: cut, until: healed)
                try sends(site, nothingFrom: cut + .seconds(7), orFrom: taken, until: healed)
                #expect(try await site.metric("leat_lease_lost_total", of: "one") == 4)
                #expect(try await site.metric("leat_lease_lost_total", of: "two") == 0)
            }
            try await site.check(senders, repeatsAtMost: repeats)
        }
    }

    @Test func `A link that is away for a moment costs nothing, and one to a destination holds up nobody else`()
        async throws
    {
        try await Site.with { site in
            let senders = try site.senders()
            let receiver = site.shop.receiver
            try await senders.during {
                try await Task.sleep(for: .seconds(1))
                let away = ContinuousClock.now
                try await site.network.cut(site.one, site.base)
                try await Task.sleep(for: .seconds(1))
                let healed = ContinuousClock.now
                try await site.network.heal(site.one, site.base)
                let back = ContinuousClock.now
                try await senders.wait("the server accepts nothing more") {
                    $0.server == "one" && $0.began > healed && $0.status == 200
                }
                try await senders.pauseSending()
                try await site.settled(on: "two")
                let calm = try Arrivals(receiver.requests)
                var lapses = 0
                for name in ["one", "two"] {
                    lapses += try await site.metric("leat_lease_lapses_total", of: name)
                    #expect(try await site.metric("leat_lease_lost_total", of: name) == 0)
                }
                // Where the machine is so busy that a sign of life comes too late, what is under way is called off; then
                // the link was away for longer than it was to be, or the other server's answers take their time as well.
                let isBusy =
                    away.duration(to: back) > .seconds(2)
                    || senders.attempts.contains {
                        $0.server == "two" && $0.began > away && $0.began.duration(to: $0.ended) > .seconds(1)
                    }
                #expect(lapses == 0 || isBusy, "a moment without the database ended \(lapses) leases")
                #expect(calm.count == calm.identifiers.count || lapses > 0, "something was delivered twice")
                senders.goOn()

                try await site.network.cut(from: site.one, to: site.network.receiver)
                let cut = ContinuousClock.now
                try await Task.sleep(for: .seconds(7))
                let end = ContinuousClock.now
                try await site.network.heal(from: site.one, to: site.network.receiver)
                let meanwhile = receiver.requests.filter { $0.at > cut + .seconds(1) && $0.at < end }
                #expect(meanwhile.count { $0.peer == site.one.address } == 0)
                #expect(meanwhile.count { $0.peer == site.two.address } > 5)
                #expect(senders.attempts.allSatisfy { $0.began < cut || $0.status == 200 }, "a sender was refused")
                let own = site.one.address
                #expect(await receiver.wait(atMost: .seconds(60)) { $0.contains { $0.peer == own && $0.at > end } })
                try await site.wait(on: "one", for: ["one": 4, "two": 4])
            }
            // What was on its way when the link went may arrive later than its repetition: a request for each connection.
            try await site.check(senders, repeatsAtMost: 4 * 4)
        }
    }

    /// Which way nothing gets through any more.
    enum Way: Sendable { case toDatabase, fromDatabase }

    @Test(arguments: [Way.toDatabase, .fromDatabase])
    func `A server that its database hears no more, or that hears no more of it, hands over and leaves no session`(
        _ way: Way
    ) async throws {
        try await Site.with { site in
            let senders = try site.senders()
            let (sender, receiver) = way == .toDatabase ? (site.two, site.base) : (site.base, site.two)
            var repeats = 0
            try await senders.during {
                try await Task.sleep(for: .seconds(1))
                try await site.network.cut(from: sender, to: receiver)
                try await site.wait(on: "one", for: ["one": 8])
                repeats = try await site.metric("leat_delivery_uncommitted_events", of: "two")
                #expect(try await site.metric("leat_lease_lapses_total", of: "two") >= 1)
                // One way its machine cannot even say that it is gone.
                try await site.node("two").kill()
                let end = ContinuousClock.now + .seconds(90)
                while try await site.database.sessions(with: site.two) > 0 {
                    try #require(ContinuousClock.now < end, "the database keeps the sessions of a server that is gone")
                    try await Task.sleep(for: .milliseconds(200))
                }
                try await site.network.heal(from: sender, to: receiver)
                try await site.start("two")
                try await site.wait(on: "one", for: ["one": 4, "two": 4])
                #expect(try await site.metric("leat_lease_lost_total", of: "one") == 0)
            }
            // What the database kept without anybody hearing of it may come again from its senders; whether it does hangs
            // on the moment at which the link went.
            try await site.check(senders, repeatsAtMost: repeats)
        }
    }

    @Test func `Servers and a database that stop and die on hosts of their own lose, reorder and forget nothing`()
        async throws
    {
        try await Site.with { site in
            let senders = try site.senders()
            try await senders.during {
                let stopped = try site.node("two")
                kill(stopped.pid, SIGSTOP)
                try await site.wait(on: "one", for: ["one": 8])
                kill(stopped.pid, SIGCONT)
                try await site.wait(on: "one", for: ["one": 4, "two": 4])
                #expect(try await site.metric("leat_lease_lost_total", of: "two") == 4)

                await stopped.kill()
                try await site.wait(on: "one", for: ["one": 8])
                try await site.start("two")
                try await site.wait(on: "one", for: ["one": 4, "two": 4])

                await site.database.kill()
                let killed = ContinuousClock.now
                try await senders.wait("the death of the database went unnoticed") {
                    $0.began > killed && $0.status == 503
                }
                try await site.database.start()
                for name in ["one", "two"] {
                    try await senders.wait("\(name) accepts nothing more") {
                        $0.server == name && $0.began > killed && $0.status == 200
                    }
                }
                try await site.wait(on: "one", for: ["one": 4, "two": 4])
            }
            // A pause and two deaths: each repeats at most what was delivered within some checkpoints.
            try await site.check(senders, repeatsAtMost: 4 * Senders.eventsPerSecond)
        }
    }

    /// What came to a server while it was cut off was answered in time, with a time to come again.
    private func refuses(_ senders: Senders, from cut: ContinuousClock.Instant, until healed: ContinuousClock.Instant) {
        let attempts = senders.attempts.filter { $0.server == "one" && $0.began > cut && $0.ended < healed }
        #expect(attempts.count > 5)
        for attempt in attempts {
            #expect(attempt.status == 503 && attempt.retryAfter != nil, "\(attempt)")
        }
    }

    /// The receiver heard nothing from a server whose leases had run out, and whose partitions were another's.
    private func sends(
        _ site: Site,
        nothingFrom lapsed: ContinuousClock.Instant,
        orFrom taken: ContinuousClock.Instant,
        until healed: ContinuousClock.Instant
    ) throws {
        let requests = site.shop.receiver.requests.filter { $0.at < healed }
        let own = requests.filter { $0.peer == site.one.address }
        let others = requests.filter { $0.peer == site.two.address && $0.at > taken }
        #expect(own.count > 5 && others.count > 5)
        #expect(own.allSatisfy { $0.at < taken })
        let last = try #require(own.last)
        #expect(last.at < lapsed, "\(lapsed.duration(to: last.at)) too late")
    }
}

/// The same for those who may make namespaces only inside one of their own.
@Suite(.timeLimit(.minutes(10))) struct OwnRealmTests {
    @Test(
        .enabled("only for users who are not root and may have user namespaces") {
            try await Network.mayBeMadeApart()
        }
    )
    func `An ordinary user's hosts stand in a namespace of their own`() async throws {
        let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path
        let words = [tests, "--testing-library", "swift-testing", "--filter", "SystemTests.HostsTests"]
        let ended = try await Program.run(Network.ownRealm + words, atMost: .seconds(500))
        #expect(ended.status == 0, "\(ended.text)")
        #expect(ended.text.contains("Test run with 4 tests"), "\(ended.text)")
        #expect(!ended.text.contains("skipped"), "\(ended.text)")
    }
}

/// How slow the receiver is.
private final class Slowness: Sendable {
    private let state = Atomic<Bool>(false)

    var isOn: Bool {
        get { state.load(ordering: .relaxed) }
        set { state.store(newValue, ordering: .relaxed) }
    }

    var reaction: RecordingServer.Reaction { isOn ? .late(200, milliseconds: 300) : .answer(200) }
}
