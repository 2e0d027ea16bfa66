/// Turns the records of an answer into one verdict per event.
///
/// The rules: an event is emitted at least once, or carried by a request, or dropped, or failed. A failure wins over
/// output; a drop beside output is a conflict; a request that carries an event with another verdict is a conflict for
/// all its events. Nothing of an event is ever lost in silence.
struct VerdictTable {
    private let head: BatchHead
    private let events: [PluginEvent]
    private let snapshot: OutputSnapshot
    private var states: [State]
    /// In the order of the records; sorted by event at the end.
    private var parts: [Part] = []
    /// What all edit lists together make.
    private var editedBytes = 0
    private var answer: BatchAnswer
    private var batchError: (code: String?, message: String) = (nil, "")
    private var isSorted = true

    /// A part, without holding its bytes: what is held must be counted.
    private struct Part {
        let event: Int
        let bytes: Bytes

        enum Bytes {
            /// A range of the worker's data.
            case given(Range<Int>)
            /// The event with a checked list applied.
            case edited(EditList, length: Int)
            /// The event as it went in.
            case unchanged
        }
    }

    private struct State {
        var partCount = 0
        var verdict: PluginVerdict?
        /// The answer to this event did not fit.
        var isOutgrown = false

        var isOpen: Bool { verdict == nil && !isOutgrown }
    }

    /// Reads all records.
    ///
    /// - Throws: `ArenaError.violation` for a record that no honest worker writes.
    init(_ snapshot: OutputSnapshot, _ head: BatchHead, _ inputs: BatchInputs) throws(ArenaError) {
        self.head = head
        self.snapshot = snapshot
        events = if case .events(let events) = inputs { events } else { [] }
        states = Array(repeating: State(), count: inputs.count)
        parts.reserveCapacity(events.count)
        answer = BatchAnswer()
        for number in 0..<snapshot.count { try take(snapshot.record(number)) }
        // A stable sort: parts of one event keep their order.
        if !isSorted { parts.sort { $0.event < $1.event } }
        settleRequests()
    }

    // MARK: Records

    private mutating func take(_ record: OutputSnapshot.Record) throws(ArenaError) {
        switch record.kind {
        case .emit:
            let index = try event(record, kind: .transform)
            guard !record.first.isEmpty, record.first.count <= head.partBytes else {
                throw .violation("an emitted part is empty or longer than allowed")
            }
            try addPart(index, .given(record.first), count: record.first.count)
        case .edits: try edit(record)
        case .drop:
            let index = try event(record)
            if states[index].isOpen {
                states[index].verdict = .drop(reason: snapshot.text(record.first, limit: TextLimits.dropReason))
            }
        case .fail: try fail(record)
        case .outgrown:
            let index = try event(record)
            if case .fail = states[index].verdict { return }
            states[index] = State(partCount: states[index].partCount, isOutgrown: true)
        case .request: try addRequest(record)
        case .classification: try classify(record)
        case .batchError:
            batchError = (
                snapshot.data[record.first].failureCode,
                snapshot.text(record.second, limit: TextLimits.failureMessage)
            )
        case .log:
            guard answer.logs.count < TextLimits.logsPerBatch else {
                throw .violation("an answer holds too many log records")
            }
            answer.logs.append(PluginLog(record, of: snapshot))
        case .metric:
            guard answer.metrics.count < ReportedMetric.mostOfPlugin else {
                throw .violation("an answer holds too many metrics")
            }
            answer.metrics.append(try ReportedMetric(record, of: snapshot))
        case .failure: throw .violation("a load failure was reported while a batch ran")
        }
    }

    private func event(_ record: OutputSnapshot.Record, kind: ArenaKind? = nil) throws(ArenaError) -> Int {
        guard head.kind == .transform || head.kind == .build, kind == nil || kind == head.kind else {
            throw .violation("an answer is of another kind than the batch")
        }
        guard Int(record.index) < states.count else { throw .violation("an answer names an event outside the batch") }
        return Int(record.index)
    }

    private mutating func edit(_ record: OutputSnapshot.Record) throws(ArenaError) {
        let index = try event(record, kind: .transform)
        guard record.code >= 0 else { throw .violation("an edit list has a negative length") }
        let input = events[index].json.count
        if record.code == 0, record.first.isEmpty { return try addPart(index, .unchanged, count: input) }
        let list = EditList(place: record.first, count: Int(record.code))
        let length = try list.length(in: snapshot.data.span, of: input)
        guard length > 0, length <= head.partBytes else {
            throw .violation("an edited event is empty or longer than allowed")
        }
        editedBytes += length
        try addPart(index, .edited(list, length: length), count: length)
    }

    private mutating func addPart(_ index: Int, _ bytes: Part.Bytes, count: Int) throws(ArenaError) {
        states[index].partCount += 1
        guard states[index].partCount <= head.fanOut else {
            throw .violation("an event became more parts than allowed")
        }
        try addOutput(count)
        if let last = parts.last, last.event > index { isSorted = false }
        parts.append(Part(event: index, bytes: bytes))
    }

    private mutating func addOutput(_ bytes: Int) throws(ArenaError) {
        answer.outputBytes += bytes
        guard answer.outputBytes <= head.outputBytes else {
            throw .violation("an answer describes more bytes than allowed")
        }
    }

    private mutating func fail(_ record: OutputSnapshot.Record) throws(ArenaError) {
        let index = try event(record)
        if case .fail = states[index].verdict { return }
        states[index].verdict = PluginVerdict(
            FailureClass(status: record.code),
            code: snapshot.data[record.first].failureCode ?? "invalid_code",
            message: snapshot.text(record.second, limit: TextLimits.failureMessage)
        )
        states[index].isOutgrown = false
    }

    private mutating func addRequest(_ record: OutputSnapshot.Record) throws(ArenaError) {
        guard head.kind == .build else { throw .violation("a request was given outside build") }
        let request = try RequestCoding.decode(snapshot.data[record.first], eventCount: states.count)
        try addOutput(record.first.count)
        answer.requests.append(request)
    }

    private mutating func classify(_ record: OutputSnapshot.Record) throws(ArenaError) {
        guard head.kind == .classify, Int(record.index) < states.count,
            answer.classifications.count < ArenaLayout.mostEvents * 2
        else { throw .violation("a classification was given for no response") }
        guard let verdict = Classification.Verdict(rawValue: record.code) else {
            throw .violation("a classification has an unknown verdict")
        }
        answer.classifications.append(
            Classification(
                response: Int(record.index),
                event: record.aux == UInt32.max ? nil : Int(record.aux),
                verdict: verdict,
                retryAfterMilliseconds: record.extra == UInt64.max ? nil : record.extra,
                code: snapshot.data[record.first].failureCode ?? "",
                message: snapshot.text(record.second, limit: TextLimits.failureMessage)
            )
        )
    }

    // MARK: The end

    /// The first event of which nothing was said.
    var firstOpen: Int? { states.firstIndex { $0.isOpen && $0.partCount == 0 } }

    /// The answer of a batch that ended: whoever has no verdict gets the batch's error, or `no_verdict`.
    consuming func finish() -> BatchAnswer {
        answer.status = snapshot.status
        answer.runNanoseconds = snapshot.runNanoseconds
        answer.droppedLogs = snapshot.droppedLogs
        guard head.kind != .classify else { return answer }
        let json = bytesOfParts()
        answer.verdicts.reserveCapacity(states.count)
        var start = 0
        for index in states.indices {
            let end = start + states[index].partCount
            answer.verdicts.append(verdict(states[index], json[start..<end]))
            if states[index].isOutgrown {
                answer.outgrown.append(index)
                // What was given of it is void.
                for part in json[start..<end] { answer.outputBytes -= part.count }
            }
            start = end
        }
        return answer
    }

    /// The JSON of all parts; that of the edited ones lies in one piece of memory.
    private func bytesOfParts() -> [ArraySlice<UInt8>] {
        var edited: [UInt8] = []
        edited.reserveCapacity(editedBytes)
        let data = snapshot.data.span
        let events = events.span
        for index in parts.indices {
            guard case .edited(let list, _) = parts[index].bytes else { continue }
            list.apply(data, to: events[parts[index].event].json.span, into: &edited)
        }
        var position = 0
        return parts.map { part in
            switch part.bytes {
            case .given(let range): return snapshot.data[range]
            case .unchanged: return self.events[part.event].json
            case .edited(_, let length):
                defer { position += length }
                return edited[position..<position + length]
            }
        }
    }

    private func verdict(_ state: State, _ parts: ArraySlice<ArraySlice<UInt8>>) -> PluginVerdict {
        if state.isOutgrown { return .outputLimit }
        guard let verdict = state.verdict else { return parts.isEmpty ? unsaid : .emit(parts) }
        if case .drop = verdict, !parts.isEmpty { return .conflict }
        return verdict
    }

    /// The verdict on events of which the plugin said nothing.
    private var unsaid: PluginVerdict {
        guard snapshot.status != 0 else { return .noVerdict }
        let message = batchError.message
        return PluginVerdict(
            FailureClass(status: snapshot.status),
            code: batchError.code ?? "batch_failed",
            message: message.isEmpty ? "the plugin returned \(snapshot.status) for the batch" : message
        )
    }

    /// Keeps the requests whose events have no other verdict, and marks those events as requested.
    ///
    /// Each request is looked at once, however a hostile worker has knotted them together.
    private mutating func settleRequests() {
        guard !answer.requests.isEmpty else { return }
        let settled = states.indices.filter { !states[$0].isOpen }
        if !settled.isEmpty { refuseRequests(of: settled) }
        for request in answer.requests { for event in request.events { states[event].verdict = .requested } }
    }

    /// Removes every request that carries an event with another verdict, and so on through the events they share.
    private mutating func refuseRequests(of settled: [Int]) {
        let requests = answer.requests
        var carriers: [[Int]] = Array(repeating: [], count: states.count)
        for (number, request) in requests.enumerated() {
            for event in request.events { carriers[event].append(number) }
        }
        var isRefused = Array(repeating: false, count: requests.count)
        // A companion of an event that runs again runs again too, nothing is wrong with either: those come first.
        var waiting = settled.filter { !states[$0].isOutgrown } + settled.filter { states[$0].isOutgrown }
        while let event = waiting.popLast() {
            let isOutgrown = states[event].isOutgrown
            for number in carriers[event] where !isRefused[number] {
                isRefused[number] = true
                for companion in requests[number].events {
                    if case .drop = states[companion].verdict { states[companion].verdict = .conflict }
                    guard states[companion].isOpen else { continue }
                    if isOutgrown { states[companion].isOutgrown = true } else { states[companion].verdict = .conflict }
                    waiting.append(companion)
                }
            }
        }
        answer.requests = requests.indices.filter { !isRefused[$0] }.map { requests[$0] }
    }
}
