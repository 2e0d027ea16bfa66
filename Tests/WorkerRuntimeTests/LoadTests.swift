import TestSupport
import Testing
import WorkerProtocol

@Suite struct LoadTests {
    @Test func `A plugin that fits is ready, with its times and its logs`() async throws {
        let worker = try WorkerInThread()
        let ready = try await worker.load(PluginFixture.library("events"))
        #expect(ready.kind == .ready)
        #expect(ready.values[0] > 0)
        #expect(ready.values[3] == PluginFixture.transformKind)
        let report = try worker.loadReport()
        #expect(report.text.isEmpty)
        #expect(report.logs.map(\.message) == ["created"])
        #expect(report.logs.first.map { String(decoding: $0.fields, as: UTF8.self) } == #"{"fixture":true}"#)
        worker.send(.drain)
        #expect(try worker.receive().kind == .drained)
        #expect(try worker.status() == 0)
    }

    @Test(arguments: [
        ("FAULT_NO_ENTRY", "leat_plugin_entry_v1 is not exported"),
        ("FAULT_ENTRY_IS_DATA", "is not a function"),
        ("FAULT_NULL_ENTRY", "what the entry function returned is null"),
        ("FAULT_UNALIGNED_ENTRY", "is not aligned"),
        ("FAULT_SIZE_ZERO", "says it has 0 bytes; version 1.0 has 88"),
        ("FAULT_SIZE_SMALL", "says it has 3 bytes"),
        ("FAULT_SIZE_HUGE", "says it has 4294967295 bytes"),
        ("FAULT_NO_CREATE", "the plugin has no create"),
        ("FAULT_CREATE_NULL", "create returned LEAT_OK but no instance"),
        ("FAULT_NO_INTERFACE", "the interface leat.transform/1 is null"),
        ("FAULT_INTERFACE_SIZE", "the interface leat.transform/1 says it has 4 bytes"),
        ("FAULT_NO_PROCESS", "has no process"),
    ])
    func `A plugin that does not fit the contract is refused in words`(fault: String, words: String) async throws {
        let worker = try WorkerInThread()
        let answer = try await worker.load(PluginFixture.library("load", fault))
        #expect(answer.kind == .failed)
        #expect(answer.code == WorkerFailure.abiMismatch.rawValue)
        let text = try worker.loadReport().text
        #expect(text.contains(words), "\(text)")
        #expect(try worker.status() == 0)
    }

    @Test(arguments: [
        (#"FIXTURE_ID="test.other""#, "the manifest's id is test.fixture, the library's is test.other"),
        (#"FIXTURE_VERSION="2.0.0""#, "the manifest's version is 1.0.0, the library's is 2.0.0"),
        ("FIXTURE_KINDS=3", "the manifest's kinds are 1, the library's are 3"),
    ])
    func `A plugin that is not who its manifest says is refused with both names`(other: String, words: String)
        async throws
    {
        let worker = try WorkerInThread()
        let answer = try await worker.load(PluginFixture.library("load", other))
        #expect(answer.code == WorkerFailure.identityMismatch.rawValue)
        #expect(try worker.loadReport().text == words)
    }

    @Test(arguments: [("FAULT_CREATE_ERROR", -2), ("FAULT_CREATE_RETRY", -1)] as [(String, Int64)])
    func `A plugin that refuses its configuration says why`(fault: String, status: Int64) async throws {
        let worker = try WorkerInThread()
        let answer = try await worker.load(PluginFixture.library("load", fault))
        #expect(answer.code == WorkerFailure.createFailed.rawValue)
        #expect(Int64(bitPattern: answer.values[0]) == status)
        let report = try worker.loadReport()
        #expect(report.code == "bad_config")
        #expect(report.message == "the table name is missing")
    }

    @Test func `What the loader says reaches the author`() async throws {
        let worker = try WorkerInThread()
        let answer = try await worker.load(PluginFixture.library("load", "FAULT_UNRESOLVED"))
        #expect(answer.code == WorkerFailure.loadError.rawValue)
        #expect(try worker.loadReport().text.contains("a_function_that_nobody_defines"))
    }

    @Test func `A function of a library that the plugin depends on is no entry`() async throws {
        let worker = try WorkerInThread()
        let request = LoadRequest(
            entry: "system",
            pluginID: PluginFixture.id,
            pluginVersion: PluginFixture.version,
            instanceID: "test",
            configuration: Array("{}".utf8)[...],
            hostVersion: "0.0.0",
            kinds: 1,
            kind: 1
        )
        let answer = try await worker.load(PluginFixture.library("events"), request)
        #expect(answer.code == WorkerFailure.abiMismatch.rawValue)
        #expect(try worker.loadReport().text.contains("lies in a library that the plugin depends on"))
    }

    @Test func `A worker without its host ends`() async throws {
        let worker = try WorkerInThread()
        #expect(try await worker.load(PluginFixture.library("events")).kind == .ready)
        worker.hangUp()
        #expect(try worker.status() == 0)
    }
}
