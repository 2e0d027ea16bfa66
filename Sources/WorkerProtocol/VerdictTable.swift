/// Turns the records of an answer into one verdict per event.
///
/// The rules: an event is emitted at least once, or carried by a request, or dropped, or failed. A failure wins over
/// output; a drop beside output is a conflict; a request that carries an event with another verdict is a conflict for
/// all its events. Nothing of an event is ever lost in silence.
struct VerdictTable {
    private let expected: OutputArenaReader.Expectation
    private var states: [State]
    /// In the order of the records; sorted by event at the end.
    private var parts: [(index: Int, json: Part)] = []
    /// The JSON of all edited events, one after the other.
    private var edited: [UInt8] = []
    private var requests: [PluginRequest] = []
    private var classifications: [Classification] = []
    private var logs: [PluginLog] = []
    private var batchError: (code: String?, message: String) = (nil, "")
    private var partBytes = 0
    private var bodyBytes = 0
    private var isSorted = true

    /// A part's bytes: as they were given, or a range of `edited`, which may still move.
    private enum Part {
        case given(ArraySlice<UInt8>)
        case edited(Range<Int>)
    }

    private struct State {
        var partCount = 0
        var verdict = EventVerdict.none

        var isOpen: Bool { if case .none = verdict { true } else { false } }
        var isOutgrown: Bool { if case .outgrown = verdict { true } else { false } }
    }

    init(_ expected: OutputArenaReader.Expectation) {
        self.expected = expected
        states = Array(repeating: State(), count: expected.inputs.count)
        parts.reserveCapacity(expected.inputs.count)
    }

    // MARK: Records

    mutating func take(_ record: OutputSnapshot.Record) throws(ArenaError) {
        switch record.kind {
        case .emit, .edits:
            let index = try event(record, kind: .transform)
            try addPart(index, record.kind == .emit ? .given(emitted(record)) : edit(record, index))
        case .drop:
            let index = try event(record)
            if case .none = states[index].verdict {
                states[index].verdict = .drop(record.first.text(limit: TextLimits.dropReason))
            }
        case .fail: try fail(record)
        case .outgrown:
            let index = try event(record)
            if case .fail = states[index].verdict { return }
            states[index].verdict = .outgrown
        case .request: try addRequest(record)
        case .classification: try classify(record)
        case .batchError:
            batchError = (record.first.failureCode, record.second.text(limit: TextLimits.failureMessage))
        case .log:
            guard logs.count < TextLimits.logsPerBatch else { throw .violation("an answer holds too many log records") }
            logs.append(PluginLog(record))
        case .failure: throw .violation("a load failure was reported while a batch ran")
        }
    }

    private func event(_ record: OutputSnapshot.Record, kind: ArenaKind? = nil) throws(ArenaError) -> Int {
        if let kind, kind != expected.head.kind { throw .violation("an answer is of another kind than the batch") }
        guard expected.head.kind == .transform || expected.head.kind == .build else {
            throw .violation("an answer is of another kind than the batch")
        }
        guard Int(record.index) < states.count else { throw .violation("an answer names an event outside the batch") }
        return Int(record.index)
    }

    private func emitted(_ record: OutputSnapshot.Record) throws(ArenaError) -> ArraySlice<UInt8> {
        guard !record.first.isEmpty, record.first.count <= expected.head.partBytes else {
            throw .violation("an emitted part is empty or longer than allowed")
        }
        return record.first
    }

    private mutating func edit(_ record: OutputSnapshot.Record, _ index: Int) throws(ArenaError) -> Part {
        guard record.code >= 0 else { throw .violation("an edit list has a negative length") }
        let input = expected.inputs[index]
        if record.code == 0, record.first.isEmpty { return .given(input) }
        if edited.isEmpty { edited.reserveCapacity(expected.inputs.reduce(0) { $0 + $1.count + $1.count / 8 }) }
        let budget = min(expected.head.partBytes, expected.head.outputBytes - edited.count)
        return .edited(
            try EditList.apply(record.first, count: Int(record.code), to: input, budget: budget, into: &edited)
        )
    }

    private mutating func addPart(_ index: Int, _ json: Part) throws(ArenaError) {
        states[index].partCount += 1
        guard states[index].partCount <= expected.head.fanOut else {
            throw .violation("an event became more parts than allowed")
        }
        switch json {
        case .given(let bytes): partBytes += bytes.count
        case .edited(let range): partBytes += range.count
        }
        guard partBytes <= expected.head.outputBytes else {
            throw .violation("an answer describes more bytes than allowed")
        }
        if let last = parts.last, last.index > index { isSorted = false }
        parts.append((index, json))
    }

    private mutating func fail(_ record: OutputSnapshot.Record) throws(ArenaError) {
        let index = try event(record)
        if case .fail = states[index].verdict { return }
        states[index].verdict = .fail(
            EventFailure(
                FailureClass(status: record.code),
                code: record.first.failureCode ?? "invalid_code",
                message: record.second.text(limit: TextLimits.failureMessage)
            )
        )
    }

    private mutating func addRequest(_ record: OutputSnapshot.Record) throws(ArenaError) {
        guard expected.head.kind == .build else { throw .violation("a request was given outside build") }
        let request = try RequestCoding.decode(record.first, eventCount: states.count)
        bodyBytes += record.first.count
        guard bodyBytes <= expected.head.outputBytes else {
            throw .violation("an answer describes more bytes than allowed")
        }
        requests.append(request)
    }

    private mutating func classify(_ record: OutputSnapshot.Record) throws(ArenaError) {
        guard expected.head.kind == .classify, Int(record.index) < states.count,
            classifications.count < ArenaLayout.mostEvents * 2
        else { throw .violation("a classification was given for no response") }
        guard let verdict = Classification.Verdict(rawValue: record.code) else {
            throw .violation("a classification has an unknown verdict")
        }
        classifications.append(
            Classification(
                response: Int(record.index),
                event: record.aux == UInt32.max ? nil : Int(record.aux),
                verdict: verdict,
                retryAfterMilliseconds: record.extra == UInt64.max ? nil : record.extra,
                code: record.first.failureCode ?? "",
                message: record.second.text(limit: TextLimits.failureMessage)
            )
        )
    }

    // MARK: The end

    /// The answer of a batch that ended: whoever has no verdict gets the batch's error, or `no_verdict`.
    mutating func finish(_ snapshot: OutputSnapshot) throws(ArenaError) -> BatchAnswer {
        var answer = harvest()
        answer.status = snapshot.status
        answer.runNanoseconds = snapshot.runNanoseconds
        answer.droppedLogs = snapshot.droppedLogs
        guard expected.head.kind != .classify else { return answer }
        let failure =
            snapshot.status == 0
            ? EventFailure.noVerdict
            : EventFailure(
                FailureClass(status: snapshot.status),
                code: batchError.code ?? "batch_failed",
                message: batchError.message.isEmpty
                    ? "the plugin returned \(snapshot.status) for the batch" : batchError.message
            )
        for index in answer.verdicts.indices where answer.verdicts[index] == .none {
            answer.verdicts[index] = .fail(failure)
        }
        return answer
    }

    /// The answer as far as it was given.
    mutating func harvest() -> BatchAnswer {
        // A stable sort: parts of one event keep their order.
        if !isSorted { parts.sort { $0.index < $1.index } }
        settleRequests()
        let all = parts.map { part in
            switch part.json {
            case .given(let bytes): bytes
            case .edited(let range): edited[range]
            }
        }
        var answer = BatchAnswer(verdicts: [])
        answer.verdicts.reserveCapacity(states.count)
        var start = 0
        for state in states {
            let end = start + state.partCount
            answer.verdicts.append(Self.verdict(state, all[start..<end]))
            start = end
        }
        answer.requests = requests
        answer.classifications = classifications
        answer.logs = logs
        answer.outputBytes = partBytes + bodyBytes
        return answer
    }

    private static func verdict(_ state: State, _ parts: ArraySlice<ArraySlice<UInt8>>) -> EventVerdict {
        switch state.verdict {
        case .none: parts.isEmpty ? .none : .emit(parts)
        case .drop: parts.isEmpty ? state.verdict : .fail(.conflict)
        default: state.verdict
        }
    }

    /// Keeps the requests whose events have no other verdict, and marks those events as requested.
    ///
    /// Each request is looked at once, however a hostile worker has knotted them together.
    private mutating func settleRequests() {
        guard !requests.isEmpty else { return }
        let settled = states.indices.filter { !states[$0].isOpen }
        if !settled.isEmpty { refuseRequests(of: settled) }
        for request in requests { for event in request.events { states[event].verdict = .requested } }
    }

    /// Removes every request that carries an event with another verdict, and so on through the events they share.
    private mutating func refuseRequests(of settled: [Int]) {
        var carriers: [[Int]] = Array(repeating: [], count: states.count)
        for (number, request) in requests.enumerated() {
            for event in request.events { carriers[event].append(number) }
        }
        var isRefused = Array(repeating: false, count: requests.count)
        // A companion of an event that runs again runs again too, nothing is wrong with either: those come first.
        var waiting = settled.filter { !states[$0].isOutgrown } + settled.filter { states[$0].isOutgrown }
        while let event = waiting.popLast() {
            let verdict = states[event].isOutgrown ? .outgrown : EventVerdict.fail(.conflict)
            for number in carriers[event] where !isRefused[number] {
                isRefused[number] = true
                for companion in requests[number].events {
                    if case .drop = states[companion].verdict { states[companion].verdict = .fail(.conflict) }
                    guard states[companion].isOpen else { continue }
                    states[companion].verdict = verdict
                    waiting.append(companion)
                }
            }
        }
        requests = requests.indices.filter { !isRefused[$0] }.map { requests[$0] }
    }
}
