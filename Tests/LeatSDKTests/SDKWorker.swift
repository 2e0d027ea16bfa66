import CLeatPlugin
import EventModel
import LeatSDK
import TestSupport
import Testing

@testable import WorkerProtocol
@testable import WorkerRuntime

/// A plugin of this test behind the real host tables, sinks and arenas, without a process.
///
/// The SDK keeps what a process has once (the host's tables) in globals, so only one plugin is made at a time.
@safe final class SDKWorker {
    private let plugin: LoadedPlugin
    private let stage: StagePointer
    private let input: MappedFile
    private let output: MappedFile
    private var events = EventTable()
    private var batch: UInt64 = 0

    struct Refused: Error {
        let report: LoadReport
        let text: String
    }

    init(
        _ entry: leat_plugin_entry_v1_t,
        kind: Int32,
        configuration: String = "{}",
        host: AnsweringHost? = nil
    ) throws {
        input = try MappedFile(bytes: ArenaLayout.firstBytes)
        output = try MappedFile(bytes: ArenaLayout.firstBytes)
        let mapping = try ArenaMapping(output.file, isWritable: true)
        stage = StagePointer(try PluginStage(output: mapping, control: host.map { ControlSocket($0.far) }))
        if let host { stage.setCalls(try unsafe ArenaMapping(host.memory.file, isWritable: true)) }
        let wanted = LoadRequest(
            pluginID: "test.sdk",
            pluginVersion: "1.0.0",
            instanceID: "test",
            configuration: Array(configuration.utf8)[...],
            hostVersion: "0.0.0",
            kinds: UInt64(kind),
            kind: UInt32(kind)
        )
        let head = BatchHead(kind: .load, batch: 0, deadlineNanoseconds: .max, wallNanoseconds: 0)
        stage.open(head, count: 0)
        do throws(LoadFailure) {
            plugin = try unsafe LoadedPlugin(entry, wanted, stage, deadline: .max)
        } catch {
            stage.describe(error)
            throw try unsafe Refused(report: OutputArenaReader.failure(output.bytes), text: error.text)
        }
        stage.close(status: 0, runNanoseconds: 0)
    }

    /// What the connector says of answers.
    func classify(_ responses: [InputResponse]) throws -> BatchAnswer {
        batch += 1
        let head = BatchHead(kind: .classify, batch: batch, deadlineNanoseconds: .max, wallNanoseconds: 77)
        var writer = InputArenaWriter(try input.memory(), head)
        for response in responses {
            let isTaken = writer.append(response)
            #expect(isTaken)
        }
        writer.finish()
        let status = try plugin.answer(InputArenaReader(try input.memory()), stage, &events)
        stage.close(status: status, runNanoseconds: 1)
        return try unsafe OutputArenaReader.answer(output.bytes, head, .responses(responses))
    }

    func answer(_ texts: [String], _ kind: ArenaKind = .transform) throws -> BatchAnswer {
        batch += 1
        let head = BatchHead(kind: kind, batch: batch, deadlineNanoseconds: .max, wallNanoseconds: 77)
        var writer = InputArenaWriter(try input.memory(), head)
        let inputs = texts.enumerated().map { number, text in
            PluginEvent(
                json: Array(text.utf8)[...],
                partition: PartitionID(rawValue: 9),
                offset: Int64(number),
                receivedAt: 5,
                attempt: 2,
                idempotencyKey: Array("key-\(number)".utf8)[...]
            )
        }
        for (number, event) in inputs.enumerated() {
            let isTaken = writer.append(event, messageID: Array("message-\(number)".utf8)[...])
            #expect(isTaken)
        }
        writer.finish()
        let status = try plugin.answer(InputArenaReader(try input.memory()), stage, &events)
        stage.close(status: status, runNanoseconds: 1)
        return try unsafe OutputArenaReader.answer(output.bytes, head, .events(inputs))
    }
}
