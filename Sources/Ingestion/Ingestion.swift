package import Catalog
import EventJSON
import EventLog
import EventModel
import HTTPTypes
import Hummingbird
import NIOCore
package import Telemetry

/// Accepts events over HTTP and answers after they are durable.
///
/// One request reads top to bottom in `accept`: who sends, read, parse, take each event, wait for the commit, answer.
///
/// - Owner: the program makes one, runs its queue as a service, and puts an ``IngestionResponder`` before its routes.
package final class Ingestion: Sendable {
    /// Gives the configuration of this moment.
    package typealias Configuration = @Sendable () -> CatalogSnapshot

    package let settings: IngestionSettings
    package let queue: AppendQueue
    package let refused: RefusedSamples
    private let door: Door
    private let configuration: Configuration
    private let counts = IngestionCounts()
    private let scratches = RequestScratches()
    private let now: @Sendable () -> EventTime

    package convenience init(
        settings: IngestionSettings = .init(),
        queue: AppendQueue,
        refused: RefusedSamples,
        door: Door = Door(),
        configuration: @escaping Configuration
    ) {
        self.init(
            settings: settings,
            queue: queue,
            refused: refused,
            door: door,
            configuration: configuration,
            now: { EventTime.now() }
        )
    }

    init(
        settings: IngestionSettings,
        queue: AppendQueue,
        refused: RefusedSamples,
        door: Door = Door(),
        configuration: @escaping Configuration,
        now: @escaping @Sendable () -> EventTime
    ) {
        self.settings = settings
        self.queue = queue
        self.refused = refused
        self.door = door
        self.configuration = configuration
        self.now = now
    }

    /// What ingestion shows at `/metrics`.
    package func metrics() -> [MetricFamily] {
        counts.families(waitingBytes: queue.waitingBytes) + door.families(configuration())
    }

    /// Answers one request of a route of ours.
    func answer(_ request: Request, _ route: IngestionRoute, from address: SocketAddress?) async -> Answer {
        let start = ContinuousClock.now
        let call = Call(request, route, address: address, settings: settings)
        var answer: Answer
        var seen = Seen()
        do throws(RequestRefusal) {
            answer = try await self.answer(call, &seen)
        } catch {
            answer = Answer(error)
        }
        if let source = seen.source { answer.remains = door.remains(of: source) }
        let time = (ContinuousClock.now - start) / .seconds(1)
        counts.add(status: answer.status.code, seconds: time, bytes: seen.bytes)
        // A picture is shown whatever happened to the event.
        if case .pixel = route {
            let remains = answer.remains
            answer = Answer(form: .gif, body: Pixel.picture)
            answer.remains = remains
        }
        return answer
    }

    private func answer(_ call: Call, _ seen: inout Seen) async throws(RequestRefusal) -> Answer {
        try call.checkMethod()
        switch call.route {
        case .sourceConfiguration:
            guard let key = try call.writeKeyOfHead() else { throw .noWriteKeyInQuery }
            let source = try source(key)
            return Answer(
                form: .json,
                body: BrowserConfiguration.rudderStack(source, writeKey: key),
                cacheSeconds: BrowserConfiguration.cacheSeconds
            )
        case .projectSettings(let key):
            _ = try source(key)
            let host = call.request.head.authority
            return Answer(
                form: .json,
                body: BrowserConfiguration.segment(writeKey: key, host: host, isSecure: call.isSecure),
                cacheSeconds: BrowserConfiguration.cacheSeconds
            )
        case .event, .mergeOrMetrics, .batch, .beacon, .pixel:
            return try await accept(call, &seen)
        }
    }

    // MARK: The way of a request with events

    private func accept(_ call: Call, _ seen: inout Seen) async throws(RequestRefusal) -> Answer {
        guard queue.isAccepting else { throw .unavailable }
        let key = try call.writeKeyOfHead()
        if let key { try enter(try source(key), &seen) }
        var scratch = scratches.take()
        let outcome: Result<Intake, RequestRefusal>
        // The budget is held until the commit: what waits is what is bounded.
        var reader = try BodyReader(call.request.headers, budget: queue.budget)
        do throws(RequestRefusal) {
            if case .pixel(let type) = call.route {
                scratch.body = Pixel.event(type, call.query, at: now())
            } else {
                try await reader.read(call.request.body, into: &scratch.body)
            }
            seen.bytes = scratch.body.count
            outcome = .success(try await take(call, &seen, &scratch))
        } catch {
            outcome = .failure(error)
        }
        scratches.give(scratch)
        let intake = try outcome.get()
        guard await intake.pending.outcome() == .committed else { throw .unavailable }
        counts.add(accepted: intake.accepted, refused: intake.refused)
        return try intake.answer()
    }

    /// Parses the body and hands its events to the queue; it waits only while a source changes its partitions.
    private func take(
        _ call: Call,
        _ seen: inout Seen,
        _ scratch: inout RequestScratch
    ) async throws(RequestRefusal) -> Intake {
        guard !scratch.body.isEmpty else { throw .emptyBody }
        if let source = seen.source { try door.take(bytes: scratch.body.count, of: source) }
        do throws(JSONError) {
            try scratch.tape.parse(scratch.body)
        } catch {
            throw .invalidJSON(detail: error.description)
        }
        let root = scratch.tape.root
        guard scratch.tape.kind(root) == .object else { throw .notAnEvent }
        var intake = Intake(isBatch: call.isBatch)
        if call.route == .mergeOrMetrics, scratch.tape.member(of: root, "series") != nil { return intake }
        let source = if let known = seen.source { known } else { try enterLate(call, &seen, scratch) }
        var circumstances = EventIntake.Circumstances(
            type: call.type,
            receivedAt: now(),
            requestIP: call.requestIP,
            sentAt: nil
        )
        guard let gathers = await queue.gathers(of: source) else { throw .unavailable }
        if call.isBatch {
            guard let batch = scratch.tape.member(of: root, "batch"), scratch.tape.kind(batch) == .array else {
                throw .notAnEvent
            }
            let sentAt = scratch.tape.member(of: root, "sentAt")
            circumstances.sentAt = sentAt.flatMap { scratch.tape.isNull($0) ? nil : $0 }
            circumstances.shared = SharedMembers(root, of: scratch.tape)
            // What is said once for many must not become more than anybody may send.
            if circumstances.shared.bytes * scratch.tape.count(of: batch) > Limits.requestBytes {
                throw .tooLarge(.merged)
            }
            try door.take(events: scratch.tape.count(of: batch), of: source)
            scratch.intake.begin(circumstances)
            for event in scratch.tape.elements(of: batch) {
                take(event, &scratch, circumstances, source, gathers, &intake)
            }
            guard intake.count > 0 else { throw .emptyBatch }
        } else {
            try door.take(events: 1, of: source)
            scratch.intake.begin(circumstances)
            take(root, &scratch, circumstances, source, gathers, &intake)
        }
        door.take(dayBytes: intake.bytes, of: source)
        return intake
    }

    private func take(
        _ event: JSONNode,
        _ scratch: inout RequestScratch,
        _ circumstances: EventIntake.Circumstances,
        _ source: Source,
        _ gathers: [Gather],
        _ intake: inout Intake
    ) {
        do throws(EventRefusal) {
            let entry = try scratch.intake.take(event, of: scratch.tape, in: scratch.body, circumstances)
            let gather = gathers[Int(entry.userHash % UInt64(gathers.count))]
            queue.add(entry, scratch.intake.bytes, to: gather, for: intake.pending)
            intake.accepted += 1
            intake.bytes += scratch.intake.bytes.count
        } catch {
            let range = scratch.tape.range(of: event)
            refused.add(error, of: source.id, scratch.body[range])
            intake.refused.append(RefusedEvent(index: intake.count, reason: error))
        }
        intake.count += 1
    }

    // MARK: Who sends

    /// Asks at the door for a source.
    private func enter(_ source: Source, _ seen: inout Seen) throws(RequestRefusal) {
        seen.source = source
        try door.check(source)
    }

    /// The same for a request that says in its body only who sends it.
    private func enterLate(
        _ call: Call,
        _ seen: inout Seen,
        _ scratch: RequestScratch
    ) throws(RequestRefusal) -> Source {
        let source = try self.source(call.writeKey(in: scratch.tape))
        try enter(source, &seen)
        try door.take(bytes: scratch.body.count, of: source)
        return source
    }

    private func source(_ key: String?) throws(RequestRefusal) -> Source {
        guard let key else { throw .noWriteKeyInHeader }
        guard let source = configuration().source(forWriteKey: key), source.partitions > 0 else {
            throw .invalidWriteKey
        }
        guard source.enabled else { throw .sourceDisabled }
        return source
    }
}

/// What is known of a request, however it ends.
struct Seen {
    /// Of its body, once inflated.
    var bytes = 0
    var source: Source?
}

/// What became of one request's events so far.
struct Intake {
    let pending = PendingRequest()
    let isBatch: Bool
    /// The events looked at.
    var count = 0
    /// The events on their way to the log.
    var accepted = 0
    /// What these hold.
    var bytes = 0
    var refused: [RefusedEvent] = []

    init(isBatch: Bool) { self.isBatch = isBatch }

    /// The answer once the accepted events are durable.
    func answer() throws(RequestRefusal) -> Answer {
        guard let first = refused.first else { return .accepted }
        guard accepted > 0 else { throw .noValidEvent(first.reason) }
        return .partly(accepted: accepted, refused: refused, refusedCount: refused.count)
    }
}
