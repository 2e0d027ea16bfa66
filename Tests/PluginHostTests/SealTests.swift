import Foundation
import PluginHost
import Sandbox
import TestSupport
import Testing

extension WorkerTests {
    @Suite struct SealTests {
        @Test func `A plugin finds nothing to hold on to`() async throws {
            #expect(ProcessInfo.processInfo.environment["PATH"] != nil)
            try await Bench.run { bench in
                let found = try await Self.pry(bench)
                Self.check(found)
                if geteuid() == 0 { #expect((59_000..<60_000).contains(found["uid"] as? Int ?? 0)) }
            }
        }

        @Test(.enabled(if: geteuid() == 0)) func `It finds as little when the host is an ordinary user`() async throws {
            let folder = TemporaryFolder()
            let program = folder.path + "/leat-worker"
            try FileManager.default.copyItem(atPath: Self.workerProgram, toPath: program)
            let script = folder.path + "/launcher"
            try """
            #!/bin/sh
            exec /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \(program) "$1"
            """.write(toFile: script, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
            try await Bench.run(program: script) { bench in
                let found = try await Self.pry(bench)
                Self.check(found)
                #expect(found["uid"] as? Int == 65534)
            }
        }

        private static var workerProgram: String {
            Bundle.main.executableURL?.deletingLastPathComponent().appending(path: "leat-worker").path ?? ""
        }

        private static func pry(_ bench: Bench) async throws -> [String: Any] {
            let session = try await bench.session(PluginFixture.library("pry"))
            let verdicts = try await session.transform(events([nil]))
            await session.stop()
            let found = try JSONSerialization.jsonObject(with: Data(verdicts[0].words.utf8))
            return try #require(found as? [String: Any])
        }

        private static func check(_ found: [String: Any]) {
            #expect(found["descriptors"] as? String == "0,1,2,3,4,5,6,7")
            let environment = (found["environment"] as? String)?.split(separator: " ").map(String.init)
            #expect(environment?.sorted() == WorkerEnvironment.words.sorted())
            for call in [
                "socket", "unix", "netlink", "socketpair", "connect", "exec", "fork", "kill", "ptrace", "unshare",
                "raise", "dumpable", "parent", "memfd", "writeInput", "cutOutput", "signalOwner", "signalNumber",
                "affinity",
            ] {
                #expect(found[call] as? Int == Int(EPERM), "\(call) gave \(String(describing: found[call]))")
            }
            #expect(found["uring"] as? Int == Int(ENOSYS))
            #expect(found["noNewPrivileges"] as? Int == 1)
            #expect(found["seccomp"] as? Int == 2)
            #expect(found["core"] as? Int == 0)
            #expect(found["files"] as? Int == 64)
            #expect(found["session"] as? Int == 1)
            // Nothing but a loopback that is down, or no look at all.
            #expect((found["interfaces"] as? Int ?? 9) <= 1)
        }
    }
}
