import EventModel
import Foundation
import Synchronization
import Telemetry
import TestSupport
import Testing
import WorkerProtocol

@testable import PluginHost

/// What plugins ask of the host in the middle of their work, with a host that answers as each test wants.
extension WorkerTests {
    @Suite struct CallTests {
        /// A host that answers every request by its number, and knows one secret.
        private final class Answering: Sendable {
            let requests = Mutex<[PluginRequest]>([])
            let body: [UInt8]
            let isHanging: Bool
            let limits = Mutex<[Duration]>([])

            init(body: String = "fine", isHanging: Bool = false) {
                self.body = Array(body.utf8)
                self.isHanging = isHanging
            }

            var calls: HostCalls {
                HostCalls(
                    fetch: { [self] requests, limit, bodyBytes in
                        self.requests.withLock { $0 += requests }
                        limits.withLock { $0.append(limit) }
                        if isHanging { try? await Task.sleep(for: min(limit, .seconds(2))) }
                        return requests.map { request in
                            InputResponse(
                                tag: request.tag,
                                status: isHanging ? 0 : 200,
                                transportError: isHanging ? 6 : 0,
                                headers: [("x-a", "b")],
                                body: body.prefix(bodyBytes)[...],
                                isCut: body.count > bodyBytes
                            )
                        }
                    },
                    reference: { name in name == "token" ? .success("leat-secret-word") : .failure(.denied) }
                )
            }
        }

        private static let url = "http://127.0.0.1:9/in"

        /// A busy machine must not look like a slow plugin.
        private static let settings: PluginHostSettings = {
            var settings = PluginHostSettings()
            settings.eventTime = .seconds(20)
            settings.eventTimeCeiling = .seconds(20)
            return settings
        }()

        private static func session(
            _ bench: Bench,
            _ calls: HostCalls?,
            mayCall: Bool = true
        ) async throws -> PluginSession {
            var plugin = try await bench.upload(PluginFixture.library("caller"))
            plugin.mayCall = mayCall
            return bench.session(plugin, configuration: #"{"url":"\#(url)"}"#, calls: calls)
        }

        /// What became of each order.
        private static func run(_ session: PluginSession, _ orders: [String?]) async throws -> [String] {
            try await session.transform(events(orders)).map(\.words)
        }

        @Test func `A plugin fetches while it is created and while it works`() async throws {
            try await Bench.run(Self.settings) { bench in
                let host = Answering()
                let session = try await Self.session(bench, host.calls)
                let told = try await Self.run(session, ["get", nil, "auth"])
                let answer = #"{"place":0,"status":200,"error":0,"tag":100,"cut":0,"bytes":4,"body":"fine"}"#
                // Nobody may ask while an answer is being given.
                let tail = #"],"returned":0,"nested":-8,"created":0}"#
                #expect(told[0] == #"{"answers":["# + answer + tail)
                #expect(told[1] == #"{"answers":[],"returned":0,"nested":0,"created":0}"#)
                #expect(told[2] == told[0])
                let requests = host.requests.withLock { $0 }
                #expect(requests.map(\.url) == Array(repeating: Self.url, count: 3))
                #expect(requests.map(\.authReference) == ["", "", "token"])
                #expect(requests.allSatisfy { $0.method == "GET" && $0.events.isEmpty })
                await session.stop()
            }
        }

        @Test func `Up to 64 requests go at once, and their answers share the room`() async throws {
            try await Bench.run(Self.settings) { bench in
                let host = Answering(body: String(repeating: "x", count: 2 << 20))
                let session = try await Self.session(bench, host.calls)
                let told = try await Self.run(session, ["many", "too-many", "get"])
                #expect(told[0].components(separatedBy: "\"status\":200").count == 65)
                #expect(told[0].contains(#""place":63,"status":200,"error":0,"tag":163,"cut":1"#))
                let share = HostCall.bodyBytes(of: 64)
                #expect(share > 60_000 && told[0].contains(#""bytes":\#(share),"#))
                #expect(told[1].contains(#""answers":[],"returned":-4"#))
                #expect(told[2].contains(#""cut":1,"bytes":\#(1 << 20),"#))
                await session.stop()
            }
        }

        @Test func `A word stands for a secret, and only for one that is permitted`() async throws {
            try await Bench.run(Self.settings) { bench in
                let host = Answering()
                let session = try await Self.session(bench, host.calls)
                let told = try await Self.run(session, ["word", "word", "other-word"])
                #expect(told[0].contains("\"returned\":0") && told[1] == told[0])
                #expect(told[2].contains("\"returned\":-5"))
                let headers = host.requests.withLock { $0.last?.headers }
                #expect(headers == [.init(name: "x-word", value: "leat-secret-word")])
                await session.stop()
            }
        }

        @Test(arguments: [(true, false), (false, true)])
        func `Who may not ask is refused and goes on`(hasHost: Bool, mayCall: Bool) async throws {
            try await Bench.run(Self.settings) { bench in
                let host = Answering()
                let session = try await Self.session(bench, hasHost ? host.calls : nil, mayCall: mayCall)
                let told = try await Self.run(session, ["get", "word"])
                #expect(told == Array(repeating: #"{"answers":[],"returned":-5,"nested":0,"created":-5}"#, count: 2))
                #expect(host.requests.withLock { $0.isEmpty })
                await session.stop()
            }
        }

        @Test func `A request that breaks a rule, another thread and too many requests are refused`() async throws {
            try await Bench.run(Self.settings) { bench in
                let host = Answering()
                let session = try await Self.session(bench, host.calls)
                let told = try await Self.run(session, ["bad-url", "thread"])
                #expect(told[0].contains("\"returned\":-3") && told[1].contains("\"returned\":-8"))
                let flooded = try await Self.run(session, ["flood"])
                #expect(flooded[0].contains("\"returned\":-4"))
                // One for its creation and as many as one batch may ask for.
                #expect(host.requests.withLock { $0.count } == 1 + CallDesk.mostRequests)
                await session.stop()
            }
        }

        @Test func `A worker that says it asks for what no call holds is ended, and its event buried`() async throws {
            try await Bench.run(Self.settings) { bench in
                let session = try await Self.session(bench, Answering().calls)
                let told = try await Self.run(session, ["get", "lie", "get"])
                #expect(told[1] == "buried: protocol_violation")
                #expect(told[0].contains("\"returned\":0") && told[2] == told[0])
                await session.stop()
            }
        }

        @Test func `An event whose plugin dies after it has asked is found and buried`() async throws {
            try await Bench.run(Self.settings) { bench in
                let session = try await Self.session(bench, Answering().calls)
                let told = try await Self.run(session, ["get", "crash", "get"])
                #expect(told[1] == "buried: signal_abrt")
                #expect(told[0].contains("\"returned\":0") && told[2] == told[0])
                await session.stop()
            }
        }

        @Test func `A host that takes long leaves the plugin time, and costs it none of its own`() async throws {
            try await Bench.run(Self.settings) { bench in
                let host = Answering(isHanging: true)
                var plugin = try await bench.upload(PluginFixture.library("caller"))
                plugin.mayCall = true
                plugin.creationTime = .seconds(20)
                let session = bench.session(plugin, configuration: #"{"url":"\#(Self.url)"}"#, calls: host.calls)
                let told = try await Self.run(session, ["get"])
                #expect(told[0].contains(#""status":0,"error":6"#) && told[0].contains("\"returned\":0"))
                let limits = host.limits.withLock { $0 }
                #expect(limits.count == 2 && limits.allSatisfy { $0 > .seconds(1) && $0 <= .seconds(15) }, "\(limits)")
                let families = bench.timings.families()
                let waits = families.first { $0.name == "leat_plugin_call_wait_seconds" }?.samples
                let waited = try #require(waits?.first { $0.suffix == "_sum" }?.value)
                let worked = families.first { $0.name == "leat_plugin_execution_seconds" }?.samples
                let execution = try #require(worked?.first { $0.suffix == "_sum" }?.value)
                #expect(waited > 1 && execution < waited, "\(waited) \(execution)")
                await session.stop()
            }
        }
    }
}

@Suite struct HostCallTests {
    private let request = PluginRequest(method: "GET", url: "https://example.com/", events: [])

    @Test func `Calls are read as they were written`() throws {
        for call in [HostCall.fetch([request, request]), .reference("name"), .reference("")] {
            #expect(try HostCall(call.bytes) == call)
        }
    }

    @Test func `Whatever is changed in a call, it is refused or read, and never trusted beyond its end`() {
        var dice = SplitMix(seed: 11)
        let good = HostCall.fetch([request, request, request]).bytes
        var read = 0
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0...(Int(dice.next() % 3)) {
                bytes[Int(dice.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: dice.next())
            }
            if dice.next() % 4 == 0 { bytes = Array(bytes.prefix(Int(dice.next() % UInt64(bytes.count)))) }
            if (try? HostCall(bytes)) != nil { read += 1 }
        }
        #expect((1..<20_000).contains(read))
        #expect(throws: ArenaError.self) { try HostCall([]) }
        #expect(throws: ArenaError.self) { try HostCall(HostCall.fetch([]).bytes) }
        #expect(throws: ArenaError.self) { try HostCall(good + [0]) }
        #expect(throws: ArenaError.self) {
            try HostCall(HostCall.fetch(Array(repeating: request, count: 65)).bytes)
        }
        #expect(throws: ArenaError.self) { try HostCall(HostCall.reference(String(repeating: "a", count: 257)).bytes) }
    }
}
