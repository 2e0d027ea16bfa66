/// The host's side of the output arena: reads what a worker wrote and believes none of it.
///
/// - Throws: Every function throws `ArenaError.violation` for an answer that no honest worker writes. Then the worker is
///   killed, the batch has no answer, and the cause is `protocol_violation`.
package enum OutputArenaReader {
    /// What the host knows of the batch that was to be answered.
    package struct Expectation: Sendable {
        package var head: BatchHead
        /// The JSON of every event, the host's own copies; for `classify`, one empty slice per response.
        package var inputs: [ArraySlice<UInt8>]

        package init(head: BatchHead, inputs: [ArraySlice<UInt8>]) {
            self.head = head
            self.inputs = inputs
        }
    }

    /// Reads the answer to a batch, after the output doorbell rang.
    package static func answer(
        _ shared: UnsafeRawBufferPointer,
        _ expected: Expectation
    ) throws(ArenaError) -> BatchAnswer {
        let snapshot = unsafe try OutputSnapshot(copying: shared)
        guard snapshot.batch == expected.head.batch else { throw .violation("the answer is to another batch") }
        guard snapshot.isFinished else { throw .violation("the doorbell rang before the answer was finished") }
        var table = VerdictTable(expected)
        for number in 0..<snapshot.count { try table.take(snapshot.record(number)) }
        return try table.finish(snapshot)
    }

    /// Reads what a worker left behind that died or was killed in the middle of a batch.
    ///
    /// Verdicts that were complete are given; all others are `.none`.
    /// - Returns: The verdicts, and the event that was probably being worked on.
    package static func harvest(
        _ shared: UnsafeRawBufferPointer,
        _ expected: Expectation
    ) throws(ArenaError) -> (answer: BatchAnswer, suspect: Int?) {
        let snapshot = unsafe try OutputSnapshot(copying: shared)
        var table = VerdictTable(expected)
        guard snapshot.batch == expected.head.batch else {
            return (table.harvest(), expected.inputs.count == 1 ? 0 : nil)
        }
        for number in 0..<snapshot.count { try table.take(snapshot.record(number)) }
        let answer = table.harvest()
        if snapshot.progress > 0, Int(snapshot.progress) <= expected.inputs.count {
            return (answer, Int(snapshot.progress) - 1)
        }
        return (answer, answer.verdicts.firstIndex(of: .none))
    }

    /// Reads what a plugin left when it could not be loaded or created: the reason and its logs.
    package static func failure(_ shared: UnsafeRawBufferPointer) throws(ArenaError) -> LoadReport {
        let snapshot = unsafe try OutputSnapshot(copying: shared)
        var report = LoadReport()
        for number in 0..<min(snapshot.count, TextLimits.logsPerBatch + 8) {
            let record = try snapshot.record(number)
            switch record.kind {
            case .failure: report.text = record.second.text(limit: TextLimits.failureMessage)
            case .batchError:
                report.code = record.first.failureCode
                report.message = record.second.text(limit: TextLimits.failureMessage)
            case .log: report.logs.append(PluginLog(record))
            default: throw .violation("a verdict was given while the plugin was loaded")
            }
        }
        return report
    }
}

/// What loading and creating a plugin left in the output arena.
package struct LoadReport: Equatable, Sendable {
    /// Why it failed, in the worker's words; empty when it did not.
    package var text = ""
    /// The plugin's own code for it, or nil.
    package var code: String?
    /// The plugin's own words for it.
    package var message = ""
    package var logs: [PluginLog] = []
}

extension ArraySlice<UInt8> {
    /// The bytes as text of at most `limit` bytes; what is not UTF-8 is replaced.
    func text(limit: Int) -> String { String(decoding: prefix(limit), as: UTF8.self) }

    /// The bytes as a failure code, or nil when they are none.
    var failureCode: String? {
        guard (1...TextLimits.failureCode).contains(count) else { return nil }
        let isCode = allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, 0x5F, 0x2E: true
            default: false
            }
        }
        return isCode ? text(limit: TextLimits.failureCode) : nil
    }
}

extension PluginLog {
    init(_ record: OutputSnapshot.Record) {
        level = max(0, min(6, record.code))
        message = record.first.text(limit: TextLimits.logMessage)
        fields = record.second.prefix(TextLimits.logMessage)
    }
}
