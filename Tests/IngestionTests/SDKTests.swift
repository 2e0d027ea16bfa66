import Foundation
import TestSupport
import Testing

@testable import Ingestion

/// The SDKs that nobody here wrote, against the real server.
@Suite struct SDKTests {
    @Test(.timeLimit(.minutes(5)), arguments: ["rudder", "segment", "legacy"])
    func `Every event of an SDK arrives once, through refusals and a restart`(sdk: String) async throws {
        let log = RecordingLog()
        let port = try await SteadyPort.next()
        let process = try await SDKProcess(sdk, port: port)
        var sent = try await RunningIngestion.with(settings: Self.settings, port: port, log: log) { _ in
            try process.begin("calls")
            let calls = try await process.report()
            #expect(calls.ids.count == 7 && calls.errors.isEmpty && calls.refused == 0)
            let types = log.objects.compactMap { $0["type"] as? String }
            #expect(types.sorted() == ["alias", "group", "identify", "page", "screen", "track", "track"])

            // The database is away until two commits have failed.
            let failures = log.failures
            log.behave(.fail)
            try process.begin("many 250")
            await log.reaches { $1 >= failures + 2 }
            log.behave(.keep)
            let refused = try await process.report()
            #expect(refused.ids.count == 250 && refused.errors.isEmpty)

            // The server goes in the middle of the next ones.
            let kept = log.kept
            try process.begin("many 250")
            await log.reaches { now, _ in now > kept }
            return calls.ids + refused.ids
        }
        sent += try await RunningIngestion.with(settings: Self.settings, port: port, log: log) { _ in
            let last = try await process.report()
            #expect(last.ids.count == 250 && last.errors.isEmpty)
            try process.begin("end")
            return last.ids
        }
        let stored = log.objects.compactMap { $0["messageId"] as? String }
        #expect(Set(stored) == Set(sent) && sent.count == 507)
        #expect(stored.count == sent.count, "an event that was answered with 503 was kept all the same")
    }

    static var settings: IngestionSettings {
        var settings = IngestionSettings()
        settings.queue.restAfterLoss = .milliseconds(100)
        return settings
    }
}
