/// The host's side of the output arena: reads what a worker wrote and believes none of it.
///
/// - Throws: Every function throws `ArenaError.violation` for an answer that no honest worker writes. Then the worker is
///   killed, the batch has no answer, and the cause is `protocol_violation`.
package enum OutputArenaReader {
    /// Reads the answer to the batch of `inputs` that `head` describes, after the output doorbell rang.
    package static func answer(
        _ shared: UnsafeRawBufferPointer,
        _ head: BatchHead,
        _ inputs: BatchInputs
    ) throws(ArenaError) -> BatchAnswer {
        let snapshot = unsafe try OutputSnapshot(copying: shared)
        guard snapshot.batch == head.batch else { throw .violation("the answer is to another batch") }
        guard snapshot.isFinished else { throw .violation("the doorbell rang before the answer was finished") }
        return try VerdictTable(snapshot, head, inputs).finish()
    }

    /// Reads which event a worker was probably working on that died or was killed in the middle of a batch.
    package static func suspect(
        _ shared: UnsafeRawBufferPointer,
        _ head: BatchHead,
        _ inputs: BatchInputs
    ) throws(ArenaError) -> Int? {
        let snapshot = unsafe try OutputSnapshot(copying: shared)
        guard snapshot.batch == head.batch else { return inputs.count == 1 ? 0 : nil }
        if snapshot.progress > 0, Int(snapshot.progress) <= inputs.count { return Int(snapshot.progress) - 1 }
        return try VerdictTable(snapshot, head, inputs).firstOpen
    }

    /// Reads what a plugin left when it could not be loaded or created: the reason and its logs.
    package static func failure(_ shared: UnsafeRawBufferPointer) throws(ArenaError) -> LoadReport {
        let snapshot = unsafe try OutputSnapshot(copying: shared)
        var report = LoadReport()
        for number in 0..<min(snapshot.count, TextLimits.logsPerBatch + 8) {
            let record = try snapshot.record(number)
            switch record.kind {
            case .failure: report.text = snapshot.text(record.second, limit: TextLimits.failureMessage)
            case .batchError:
                report.code = snapshot.data[record.first].failureCode
                report.message = snapshot.text(record.second, limit: TextLimits.failureMessage)
            case .log: report.logs.append(PluginLog(record, of: snapshot))
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
    init(_ record: OutputSnapshot.Record, of snapshot: OutputSnapshot) {
        level = max(0, min(6, record.code))
        message = snapshot.text(record.first, limit: TextLimits.logMessage)
        fields = snapshot.data[record.second].prefix(TextLimits.logMessage)
    }
}
