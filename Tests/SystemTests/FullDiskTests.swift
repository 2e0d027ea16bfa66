import Foundation
import TestSupport
import Testing

/// A server whose database lies on a small disk of its own, which a test fills.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FullDiskTests {
    /// Whether this process may mount a disk, in a namespace that ends with its processes.
    private static func mayMount() async throws -> Bool {
        let words = ["unshare", "--mount", "mount", "-t", "tmpfs", "leat-test", "/mnt"]
        guard geteuid() == 0 else { return false }
        return try await Program.run(words).status == 0
    }

    /// Events of random text, that no compression makes small.
    private static func events(from number: Int, _ random: inout SplitMix) -> [String] {
        (number..<number + 5).map { number in
            let text = (0..<1_200).map { _ in String(random.next(), radix: 36) }.joined()
            return """
                {"type":"track","event":"Large","messageId":"u1-\(number)","userId":"user-1",\
                "properties":{"number":\(number),"text":"\(text)"}}
                """
        }
    }

    @Test(.enabled("mounting a disk takes root and CAP_SYS_ADMIN") { try await mayMount() })
    func `A full disk is answered with 503, and when there is room again all goes on and nothing is lost`() async throws
    {
        let receiver = try await RecordingServer.start { _ in .answer(200) }
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let disk = shop.folder.path + "/leat"
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        let mount = #"mount -t tmpfs -o size=300m,mode=755 leat-test "$0" && exec "$@""#
        let server = try await ServerProcess.start(
            data: shop.data,
            through: ["unshare", "--mount", "sh", "-c", mount, disk]
        )
        do {
            try await survives(server, shop, try #require(server.token))
        } catch {
            _ = await server.stop()
            throw error
        }
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }

    private func survives(_ server: ServerProcess, _ shop: Shop, _ token: String) async throws {
        try await shop.setUp(server, token: token)
        var random = SplitMix(seed: 53_100)
        var answered: Set<String> = []
        var number = 0
        var refusals = 0
        /// Sends five events; returns the status.
        func send() async -> Int? {
            let answer = await shop.send(Self.events(from: number, &random), to: server)
            if answer?.status == 200 {
                answered.formUnion((number..<number + 5).map { "u1-\($0)" })
            } else {
                refusals += 1
                #expect(answer?.status == 503)
                #expect(answer?.retryAfter != nil)
            }
            number += 5
            return answer?.status
        }
        for _ in 0..<5 { #expect(await send() == 200) }
        let inside = ["nsenter", "--mount=/proc/\(server.pid)/ns/mnt"]
        let filler = shop.data + "/filler"
        let fill = try await Program.run(inside + ["dd", "if=/dev/zero", "of=\(filler)", "bs=64k"])
        #expect(fill.errors.contains("No space left"))
        // What is left inside the database's own files is used up first.
        for _ in 0..<500 where refusals < 3 {
            if await send() != 200 { try await Task.sleep(for: .milliseconds(700)) }
        }
        #expect(refusals >= 3)
        let free = try await Program.run(inside + ["rm", filler])
        #expect(free.status == 0, "\(free.text)")
        let end = ContinuousClock.now + .seconds(120)
        while await send() != 200, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(200)) }
        for _ in 0..<3 { #expect(await send() == 200) }
        let counts = try await shop.settled(server, token: token)
        let arrivals = try Arrivals(shop.receiver.requests)
        #expect(answered.subtracting(arrivals.identifiers).isEmpty)
        #expect(counts["accepted"] == (counts["read"] ?? -1) + (counts["expired"] ?? -1))
        #expect(counts["delivered"] == arrivals.identifiers.count)
        try await shop.succeed(["audit", "--deep"], server, token)
        let numbers = arrivals.numbers[1] ?? []
        #expect(numbers == numbers.sorted())
    }
}
