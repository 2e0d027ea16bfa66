import EventModel
import Synchronization

/// The ways to the hosts that requests go to, each found out and checked before it is taken.
///
/// A name is asked for again when its answer is older than `freshness`, so every connection goes to an address that
/// the guard has seen no longer ago. While a name keeps leading to the address in use, its connections stay open.
final class Routes: Sendable {
    private struct Key: Hashable {
        let transport: Transport
        let host: String
    }

    private struct Entry {
        var route: Route
        /// All that the name leads to, each of them checked.
        var addresses: [IPAddress]
        /// Nil for an address, which is what it is.
        var freshUntil: ContinuousClock.Instant?
        var lastUsed: ContinuousClock.Instant
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var sweptAt: ContinuousClock.Instant?
        var isClosed = false
    }

    /// How long a way is kept that nobody takes.
    static let idleTime = Duration.seconds(300)
    /// Ways that are kept open though nobody is on them.
    static let maximumIdle = 1024
    private static let sweepPeriod = Duration.seconds(30)

    private let guarding: TargetGuard
    private let resolver: Resolver
    /// How long an answer of the resolver is good.
    private let freshness: Duration
    private let state = Mutex(State())

    init(guarding: TargetGuard, resolver: Resolver, freshness: Duration) {
        self.guarding = guarding
        self.resolver = resolver
        self.freshness = freshness
    }

    /// A way to `host`; whoever gets it must leave it.
    func take(
        _ host: String,
        _ transport: Transport,
        at now: ContinuousClock.Instant,
        before deadline: ContinuousClock.Instant
    ) async throws(Obstacle) -> Route {
        let key = Key(transport: transport, host: host)
        if let known = known(key, at: now) { return known }
        if let problem = transport.problem { throw Obstacle(.transportSettings, problem) }
        if transport.settings.proxy != nil, let literal = IPAddress(host) { try check(literal, of: host) }
        let place = transport.settings.proxy?.host ?? host
        if let literal = IPAddress(place) {
            try check(literal, of: place)
            return install(key, [literal], until: nil, at: now)
        }
        let found: [IPAddress]
        do throws(TransportFault) {
            found = try await resolver.addresses(of: place, within: deadline - now)
        } catch {
            throw Obstacle(error)
        }
        for address in found { try check(address, of: place) }
        let learnt = ContinuousClock.now
        return install(key, found, until: learnt + freshness, at: learnt)
    }

    /// The way that is known and whose answer is fresh.
    private func known(_ key: Key, at now: ContinuousClock.Instant) -> Route? {
        state.withLock { state in
            guard let index = state.entries.index(forKey: key) else { return nil }
            let entry = state.entries.values[index]
            if let end = entry.freshUntil, now >= end { return nil }
            state.entries.values[index].lastUsed = now
            entry.route.enter()
            return entry.route
        }
    }

    private func check(_ address: IPAddress, of host: String) throws(Obstacle) {
        guard let kind = guarding.objection(to: address) else { return }
        throw Obstacle(.targetPrivate, TargetGuard.sentence(host, address, kind))
    }

    /// Notes addresses that were checked, and takes the way to the one in use if it is among them, else to the first.
    private func install(
        _ key: Key,
        _ addresses: [IPAddress],
        until end: ContinuousClock.Instant?,
        at now: ContinuousClock.Instant
    ) -> Route {
        let (route, gone) = state.withLock { state -> (Route, [Route]) in
            var gone = sweep(&state, at: now)
            let known = state.entries[key]?.route
            let route: Route
            if let known, let address = known.address, addresses.contains(address) {
                route = known
            } else {
                route = Route(to: key.host, at: addresses[0], by: key.transport)
                if let known { gone.append(known) }
            }
            route.enter()
            if state.isClosed {
                gone.append(route)
            } else {
                state.entries[key] = Entry(route: route, addresses: addresses, freshUntil: end, lastUsed: now)
            }
            return (route, gone)
        }
        for route in gone { route.retire() }
        return route
    }

    /// Takes the next address of a host whose present one lets nobody in; false when there is none.
    func avoid(_ route: Route, of host: String, _ transport: Transport) -> Bool {
        let key = Key(transport: transport, host: host)
        let next = state.withLock { state -> Bool in
            guard let entry = state.entries[key], entry.addresses.count > 1 else { return false }
            // Somebody else has already gone on.
            guard entry.route === route else { return true }
            guard let index = entry.addresses.firstIndex(where: { $0 == route.address }) else { return false }
            let address = entry.addresses[(index + 1) % entry.addresses.count]
            state.entries[key]?.route = Route(to: host, at: address, by: transport)
            return true
        }
        if next { route.retire() }
        return next
    }

    /// Takes out what nobody has used for long, and of the rest what is beyond the bound, the longest unused first.
    private func sweep(_ state: inout State, at now: ContinuousClock.Instant) -> [Route] {
        guard state.entries.count > Self.maximumIdle || state.sweptAt.map({ now - $0 >= Self.sweepPeriod }) ?? true
        else { return [] }
        state.sweptAt = now
        var gone: [Route] = []
        let idle = state.entries.filter { !$0.value.route.isBusy }.sorted { $0.value.lastUsed < $1.value.lastUsed }
        for (index, (key, entry)) in idle.enumerated()
        where now - entry.lastUsed >= Self.idleTime || idle.count - index > Self.maximumIdle {
            gone.append(entry.route)
            state.entries[key] = nil
        }
        return gone
    }

    /// How many hosts are known.
    var count: Int { state.withLock { $0.entries.count } }

    /// Closes every connection that nobody uses; the others when they are left.
    func shutdown() {
        let routes = state.withLock { state in
            state.isClosed = true
            defer { state.entries = [:] }
            return state.entries.values.map(\.route)
        }
        for route in routes { route.retire() }
        resolver.shutdown()
    }
}
