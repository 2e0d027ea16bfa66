import Catalog
import Foundation
import TestSupport
import Testing

@testable import leat

@Suite(.timeLimit(.minutes(5))) struct LogCommandTests {
    @Test func `What is still to be read is shown by connection, by source and by lane`() async throws {
        try await RunningServer.with { server in
            let log = try await server.leat("log")
            #expect(
                log.output == """
                    CONNECTION  UNREAD      BYTES     OLDEST        LAG  PARKED  HELD BY
                    removed-7    2,994  ~2.86 MiB  1 h 2 min  1 min 5 s       4  node-a:2

                    """
            )
            #expect(try await server.leat("log", "--by", "source").output.contains("removed-1   2,994"))
            let lanes = try await server.leat("log", "--by", "lane", "--limit", "1")
            #expect(lanes.output.contains("removed-7 1.0.0   1,497  1.43 MiB"))
            #expect(lanes.output.contains("node-a (epoch 3)\nThere is more;"))
            #expect(try await server.leat("log", "--json").output.contains(#""bytesAreEstimate":true"#))
            #expect(try await server.leat("log", "--source", "web").status == 1)
        }
    }

    @Test func `Lanes are listed with their place and state`() async throws {
        try await RunningServer.with { server in
            let lanes = try await server.leat("lanes")
            #expect(
                lanes.output == """
                    CONNECTION  PARTITION  STATE    POSITION    END  BEYOND  PARKED  HELD BY           CHECKPOINT
                    removed-7   1.0.0      reading        10  1,510       3       2  node-a (epoch 3)      100 ms
                    removed-7   1.0.1      reading        10  1,510       3       2  node-a (epoch 3)      100 ms

                    """
            )
        }
    }

    @Test func `Events of a source are printed in the order of acceptance, page after page`() async throws {
        try await RunningServer.with { server in
            #expect(try await server.leat("source", "create", "web").status == 0)
            let all = try await server.leat("log", "cat", "web", "--limit", "1000")
            let lines = all.output.split(separator: "\n")
            #expect(lines.count == 300)
            let times = try lines.map { line in
                let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                return try #require(json?["acceptedAt"] as? String)
            }
            #expect(times == times.sorted())
            let some = try await server.leat("log", "cat", "1.0.1", "--from", "120", "--limit", "2")
            #expect(some.output.split(separator: "\n").count == 2 && some.output.contains(#""offset":121"#))
            #expect(try await server.leat("log", "cat", "app").status == 1)
            #expect(try await server.leat("log", "cat", "web", "--since", "soon").status == 2)
        }
    }

    @Test func `A command whose reader has gone ends quietly, and one whose result has no room says so`() async throws {
        try await RunningServer.with { server in
            #expect(try await server.leat("source", "create", "web").status == 0)
            let environment = ["LEAT_SERVER": server.address, "LEAT_TOKEN": server.token, "PATH": "/usr/bin:/bin"]
            for (place, status, words) in [
                ("exec 3> >(:); wait $!", "141", ""), ("exec 3>/dev/full", "1", "The result cannot be written: "),
            ] {
                let command = #"\#(place); "$0" log cat web >&3; echo $?"#
                let ended = try await Program.run(
                    ["/bin/bash", "-c", command, Program.built("leat")],
                    environment: environment
                )
                #expect(ended.output == status + "\n")
                #expect(words.isEmpty ? ended.errors.isEmpty : ended.errors.hasPrefix(words), "\(ended.errors)")
            }
        }
    }

    @Test func `An audit ends with 0 when everything adds up, and names what does not`() async throws {
        try await RunningServer.with { server in
            let fine = try await server.leat("audit")
            #expect(fine.status == 0 && fine.output.contains("chunks     12,345       0  no gaps\n"))
            #expect(fine.output.hasSuffix("2 of 2 partitions in 500 ms.\n"))
            let broken = try await server.leat("audit", "--deep")
            #expect(broken.status == 1 && broken.errors == "Error: 1 fault was found.\n")
            #expect(broken.output.contains("\nchunks: partition 1.0.0: offsets 10 to 19 are missing\n"))
            #expect(AuditCommand.verdict(["complete": false, "checks": []])?.hasPrefix("Not everything") == true)
        }
    }

    @Test func `A time may be told by how long ago it was`() throws {
        let now = Date(timeIntervalSince1970: 1_700_000_000)
        #expect(try LogCat.time("15m", now: now) == "2023-11-14T21:58:20Z")
        #expect(try LogCat.time("2023-11-14T21:58:20Z", now: now) == "2023-11-14T21:58:20Z")
        #expect(throws: (any Error).self) { try LogCat.time("yesterday", now: now) }
    }
}
