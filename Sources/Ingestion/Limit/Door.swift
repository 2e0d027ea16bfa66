import Catalog
package import EventModel
import Synchronization
import Telemetry

/// Lets requests of a source in, or says when they may come again.
///
/// Every node gives a source an equal part of its limits, so that nothing is written for them; the number of nodes is
/// known from their signs of life.
///
/// - Owner: ingestion asks and charges, ``QuotaReader`` tells what the log has taken today.
package final class Door: Sendable {
    private let nodes: @Sendable () -> Int
    private let pushedBack: @Sendable () -> Set<SourceID>
    private let now: @Sendable () -> ContinuousClock.Instant

    private struct State {
        /// One for each source that has limits and sent something since the start.
        var gates: [SourceID: SourceGate] = [:]
        /// Requests refused, by source and reason.
        var refused: [SourceID: [String: Int64]] = [:]
    }

    private let state = Mutex(State())

    /// How the log calls being full of what a connection has not read, beside the limits' own words.
    static let logFull = "log"

    /// - Parameters:
    ///   - nodes: how many nodes share every limit.
    ///   - pushedBack: the sources that are refused because the log is full on their account.
    package convenience init(
        nodes: @escaping @Sendable () -> Int = { 1 },
        pushedBack: @escaping @Sendable () -> Set<SourceID> = { [] }
    ) {
        self.init(nodes: nodes, pushedBack: pushedBack, now: { .now })
    }

    init(
        nodes: @escaping @Sendable () -> Int,
        pushedBack: @escaping @Sendable () -> Set<SourceID>,
        now: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.nodes = nodes
        self.pushedBack = pushedBack
        self.now = now
    }

    /// Whether a request of the source may come in now; asked before anything of it is read.
    func check(_ source: Source) throws(RequestRefusal) {
        if pushedBack().contains(source.id) {
            count(source.id, Self.logFull)
            throw .pushedBack
        }
        try pass(source, Set(SourceLimit.allCases)) { _ in }
    }

    /// Charges for a body that was read.
    func take(bytes: Int, of source: Source) throws(RequestRefusal) {
        try pass(source, [.bytesPerDay, .bytesPerSecond]) { $0.take(bytes: bytes) }
    }

    /// Charges for events that were counted.
    func take(events: Int, of source: Source) throws(RequestRefusal) {
        try pass(source, [.eventsPerSecond]) { $0.take(events: events) }
    }

    /// Charges for events that were accepted.
    func take(dayBytes: Int, of source: Source) {
        guard source.limits.bytesPerDay != nil else { return }
        state.withLock { $0.gates[source.id]?.take(dayBytes: dayBytes) }
    }

    /// What is left of the source's limits; empty where it has none.
    func remains(of source: Source) -> [Remains] {
        guard source.limits != .none else { return [] }
        let (nodes, now) = (nodes(), now())
        return state.withLock { state in
            var gate = state.gates[source.id] ?? SourceGate(source.limits, nodes: nodes, at: now)
            gate.adapt(source.limits, nodes: nodes, at: now)
            state.gates[source.id] = gate
            return gate.remains(at: now)
        }
    }

    private func pass(
        _ source: Source,
        _ limits: Set<SourceLimit>,
        _ charge: (inout SourceGate) -> Void
    ) throws(RequestRefusal) {
        guard source.limits != .none else { return }
        let (nodes, now) = (nodes(), now())
        let refusal = state.withLock { state -> RequestRefusal? in
            var gate = state.gates[source.id] ?? SourceGate(source.limits, nodes: nodes, at: now)
            gate.adapt(source.limits, nodes: nodes, at: now)
            defer { state.gates[source.id] = gate }
            do throws(RequestRefusal) {
                try gate.check(limits, at: now)
            } catch {
                return error
            }
            charge(&gate)
            return nil
        }
        guard let refusal else { return }
        if case .limited(let limit, _) = refusal { count(source.id, limit.rawValue) }
        throw refusal
    }

    private func count(_ source: SourceID, _ reason: String) {
        state.withLock { $0.refused[source, default: [:]][reason, default: 0] += 1 }
    }

    // MARK: What the log has taken today

    /// What this node charged each source since the log was asked, to be given back with its answer.
    func charged(_ sources: [Source]) -> [SourceID: Int64] {
        state.withLock { state in
            var charged: [SourceID: Int64] = [:]
            for source in sources { charged[source.id] = state.gates[source.id]?.day?.chargedNow ?? 0 }
            return charged
        }
    }

    /// Takes in what the log said.
    func learn(_ used: [SourceID: Int64], of sources: [Source], charged: [SourceID: Int64], midnight: Duration) {
        let (nodes, now) = (nodes(), now())
        state.withLock { state in
            for source in sources {
                guard let used = used[source.id] else { continue }
                var gate = state.gates[source.id] ?? SourceGate(source.limits, nodes: nodes, at: now)
                gate.adapt(source.limits, nodes: nodes, at: now)
                gate.day?.learn(used: used, chargedBefore: charged[source.id] ?? 0, midnight: now + midnight)
                state.gates[source.id] = gate
            }
        }
    }

    /// Whether it is known of all these sources what they have sent today.
    func knows(_ sources: [Source]) -> Bool {
        state.withLock { state in sources.allSatisfy { state.gates[$0.id]?.day?.isKnown ?? false } }
    }

    // MARK: What a scrape is told

    func families(_ snapshot: CatalogSnapshot) -> [MetricFamily] {
        let refused = state.withLock { $0.refused }
        var counts: [MetricFamily.Sample] = []
        var room: [MetricFamily.Sample] = []
        for source in snapshot.sources {
            for (reason, count) in (refused[source.id] ?? [:]).sorted(by: { $0.key < $1.key }) {
                let labels: [MetricFamily.Label] = [.init("source", source.name), .init("limit", reason)]
                counts.append(.init(labels: labels, value: Double(count)))
            }
            let nodes = Double(max(1, self.nodes()))
            for one in remains(of: source) {
                let labels: [MetricFamily.Label] = [.init("source", source.name), .init("limit", one.limit.rawValue)]
                room.append(.init(labels: labels, value: min(1, Double(one.left) * nodes / Double(one.quota))))
            }
        }
        return [
            MetricFamily(
                name: "leat_ingest_limited_requests_total",
                help: "Requests refused because of a limit of their source, or because the log is full on its account.",
                kind: .counter,
                samples: counts
            ),
            MetricFamily(
                name: "leat_ingest_limit_headroom_ratio",
                help: "How much of a source's limit is left on this node, 1 for all of it.",
                kind: .gauge,
                samples: room
            ),
        ]
    }
}
