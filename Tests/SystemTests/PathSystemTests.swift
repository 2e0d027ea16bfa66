import Foundation
import TestSupport
import Testing

/// What `leat event` shows of a running server.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PathSystemTests {
    @Test func `Every transformation of a source is shown with what it made of an event, and nothing ends with 1`()
        async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token, batch: 1)
        let file = shop.folder.path + "/steps.yaml"
        let mask = "plugin: com.example.mask-email"
        try """
        sources:
          - name: shop
            transformations: [{\(mask), when: properties.number < 0}, {\(mask)}, {\(mask)}]
        connections:
          - {source: shop, destination: receiver, transformations: [], trace: {sample: 1}}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        try await shop.succeed(["apply", "-f", file], server, token)
        var (number, lines, steps) = (0, [String](), [Int]())
        // The lanes hear of the new steps a moment later.
        while steps.count < 3, number < 50 {
            number += 1
            #expect(await shop.send([Shop.event(user: 1, number: number)], to: server)?.status == 200)
            _ = try await shop.settled(server, token: token)
            let told = try await shop.leat(["event", "u1-\(number)", "--user", "user-1"], server, token: token)
            #expect(told.status == 0, "\(told.text)")
            lines = told.output.split(separator: "\n").map(String.init)
            steps = lines.indices.filter { lines[$0].hasPrefix("    transform  com.example.mask-email@") }
        }
        let told = lines.joined(separator: "\n")
        try #require(steps.count == 3, "\(told)")
        let words = ["of the source  skipped", "of the source  emitted", "of the source  emitted"]
        for (step, word) in zip(steps, words) { #expect(lines[step].contains(word), "\(told)") }
        // How long it took stands behind the word, with its unit.
        #expect(steps.allSatisfy { lines[$0].hasSuffix("s") }, "\(told)")
        #expect(lines[steps[0] + 2] == "      unchanged")
        #expect(lines[steps[1] + 1] == #"      - /properties/email  "user1@example.test""#)
        #expect(lines[steps[1] + 2] == #"      + /properties/email  "u***@example.test""#)
        #expect(lines[steps[2] + 1] == "      unchanged")
        #expect(!told.contains("recomputed") && !told.contains("unknown"), "\(told)")
        let none = try await shop.leat(["event", "nobody"], server, token: token)
        #expect(none.status == 1 && none.output.contains("No event \"nobody\" was found"), "\(none.text)")
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }
}
