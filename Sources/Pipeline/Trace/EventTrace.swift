import Delivery
import EventLog
import EventModel

/// What happened to one event from its reading to an outcome, in memory of its own.
package struct EventTrace: Sendable {
    /// Why it is written down.
    package enum Cause: String, Sendable {
        case failed, parked, traced, sampled
    }

    /// How it ended for now.
    struct End {
        var outcome: String
        var part: Int?
        var code = ""
        var reason = ""
        /// - Unit: microseconds since 1970; 0 for none.
        var dueAt: Int64 = 0
        /// The stage that it did not pass.
        var step: Int?
    }

    /// A request that carried a part of it.
    struct Send: Sendable {
        let parts: [Int]
        let carried: Int
        let ending: String
        let attempts: [Attempt]
    }

    let offset: Int64
    let sliceTime: Int64
    let userHash: UInt64
    let message: MessageHash
    let cause: Cause
    let end: End
    let chain: [PluginLabel]
    /// When it entered the stages; nil where it did not.
    /// - Unit: microseconds since 1970, as the next.
    let readAt: Int64?
    /// When the stages that it came to handled it; nil where that is not known.
    let times: [StageTime?]
    let endedAt: Int64
    /// The event as accepted; nil where only a part of it was at hand.
    let event: PathPayload?
    /// That part.
    let part: PathPayload?
    /// What it was after each transformation that it passed; nil where that is not known.
    let outputs: [StageOutput?]
    /// Of how many parts of it each transformation was asked; nil where it has no condition, or that is not known.
    let asked: [Int?]
    let sends: [Send]

    /// What it holds, in bytes and about.
    var size: Int {
        let own = (event?.text.utf8.count ?? 0) + (part?.text.utf8.count ?? 0)
        let payloads = outputs.reduce(own) { $0 + ($1?.bytes ?? 0) }
        return sends.reduce(payloads + 512) { $0 + $1.attempts.size }
    }

    /// The most requests that are kept of one event.
    static let mostSends = 20
}

extension EventTrace {
    /// The same as it is kept.
    var pass: EventPass {
        var pass = EventPass(basis: .recorded, outcome: end.outcome)
        pass.cause = cause.rawValue
        pass.part = end.part
        pass.code = end.code.isEmpty ? nil : end.code
        pass.reason = end.reason.isEmpty ? nil : end.reason
        pass.nextAttemptAt = end.dueAt == 0 ? nil : end.dueAt
        pass.readAt = readAt
        pass.endedAt = endedAt
        pass.event = event
        pass.stages = stages
        pass.sends = sends.map { send in
            PathSend(
                parts: send.parts,
                carried: send.carried,
                ending: send.ending,
                attempts: PathAttempt.list(send.attempts)
            )
        }
        return pass
    }

    private var stages: [PathStage] {
        var stages: [PathStage] = []
        for (step, label) in chain.enumerated().prefix(times.count) {
            let isConnector = step == chain.count - 1
            var stage = PathStage(
                stage: isConnector ? "connect" : "transform",
                plugin: label.path,
                verdict: verdict(step, isConnector: isConnector)
            )
            if let time = times[step] {
                stage.startedAt = time.startedAt
                stage.microseconds = time.endedAt - time.startedAt
                stage.events = time.events
            }
            if step == 0 { stage.before = part }
            stage.asked = step < asked.count ? asked[step] : nil
            if !isConnector, step < outputs.count, let output = outputs[step] {
                stage.parts = output.parts
                stage.partCount = output.count
                // What it was not asked of passed as it was.
                stage.from = stage.asked == 0 ? Array(output.parts.indices) : output.from
            }
            stages.append(stage)
        }
        return stages
    }

    private func verdict(_ step: Int, isConnector: Bool) -> String {
        if end.step == step { return end.outcome == "dropped" ? "dropped" : "failed" }
        guard isConnector else { return step < asked.count && asked[step] == 0 ? "skipped" : "emitted" }
        return sends.isEmpty && end.outcome != "delivered" ? end.outcome : "requested"
    }
}

extension PathAttempt {
    static func list(_ attempts: [Attempt]) -> [PathAttempt] {
        var last: RequestSummary?
        return attempts.map { attempt in
            let isNews = attempt.request != last
            last = attempt.request
            var kept = PathAttempt(
                number: attempt.number,
                at: attempt.at,
                microseconds: attempt.duration.microseconds,
                code: attempt.code,
                answer: attempt.text
            )
            kept.firstByteMicroseconds = attempt.firstByte?.microseconds
            kept.answerHeaders = attempt.answerHeaders.map { PathHeader(name: $0.name, value: $0.value) }
            kept.request = isNews ? attempt.request.map(PathRequest.init) : nil
            return kept
        }
    }
}

extension PathRequest {
    init(_ summary: RequestSummary) {
        self.init(
            method: summary.method,
            url: summary.url,
            headers: summary.headers.map { PathHeader(name: $0.name, value: $0.value) },
            body: summary.body,
            bodyBytes: summary.bodyBytes
        )
    }
}

extension PluginLabel {
    var path: PathPlugin {
        var path = PathPlugin(plugin: id, version: version, digest: digest, config: config)
        path.rule = rule
        path.isOfSource = isOfSource ? true : nil
        return path
    }

    init(_ plugin: PathPlugin) {
        self.init(
            id: plugin.plugin,
            version: plugin.version,
            digest: plugin.digest,
            config: plugin.config,
            rule: plugin.rule
        )
        isOfSource = plugin.isOfSource ?? false
    }
}

extension [Attempt] {
    /// What they hold, in bytes and about; a request that several share counts once.
    var size: Int { reduce(first?.request?.size ?? 0) { $0 + $1.size } }
}
