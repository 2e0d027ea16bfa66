import Synchronization
import Testing

@testable import WorkerProtocol

/// A small generator with a seed, so that a failure can be had again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct HostileArenaTests {
    private let inputs = (0..<32).map { #"{"event":\#($0),"userId":"someone"}"# }

    private func fill(_ arenas: ArenaPair, _ head: BatchHead) throws {
        var writer = try arenas.begin(head, count: inputs.count)
        for (index, input) in inputs.enumerated() {
            let number = UInt32(index)
            switch (index % 4, head.kind) {
            case (0, .build), (1, .build):
                var bytes: [UInt8] = []
                let header = PluginRequest.Header(name: "x-a", value: "b")
                let body = Array(input.utf8)[...]
                let request = PluginRequest(url: "https://example.com/", headers: [header], body: body, events: [index])
                RequestCoding.encode(request, into: &bytes)
                _ = writer.request(bytes, indices: [number])
            case (0, _): _ = writer.emit(number, input)
            case (1, _): _ = writer.edits(number, inputLength: input.utf8.count, [(9, 1, "17"), (12, 0, " ")])
            case (2, _): _ = writer.drop(number, "bot")
            default: _ = writer.fail(number, .permanent, "bad", "a sentence")
            }
        }
        writer.finish(status: 0, runNanoseconds: 1)
    }

    /// Reads an answer; a refusal is as good as an answer, a trap is not.
    private func read(_ arenas: ArenaPair, _ head: BatchHead) -> Bool {
        guard let answer = try? arenas.answer(head, inputs) else { return false }
        #expect(answer.verdicts.count == inputs.count)
        #expect(answer.outputBytes <= head.outputBytes)
        for case .emit(let parts) in answer.verdicts { for part in parts { #expect(part.count <= head.partBytes) } }
        return true
    }

    @Test(arguments: [ArenaKind.transform, .build])
    func `No mutated arena does more than break the protocol`(kind: ArenaKind) throws {
        let arenas = ArenaPair(outputBytes: 16 * 1024)
        let head = BatchHead.sample(kind)
        try fill(arenas, head)
        let good = unsafe Array(arenas.output)
        var random = SplitMix(state: 2026)
        let interesting: [UInt8] = [0, 1, 7, 8, 0x7F, 0x80, 0xFE, 0xFF]
        var accepted = 0
        for _ in 0..<6_000 {
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                // Headers and tables decide most, so most mutations go there.
                let position =
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: Int.random(in: 0..<128, using: &random)
                    case 1: Int.random(in: good.count - 32 * 64..<good.count, using: &random)
                    case 2: Int.random(in: 4096..<8192, using: &random)
                    default: Int.random(in: 0..<good.count, using: &random)
                    }
                unsafe arenas.output[position] = interesting.randomElement(using: &random) ?? 0
            }
            if read(arenas, head) { accepted += 1 }
            _ = try? arenas.suspect(head, inputs)
            unsafe arenas.output.copyBytes(from: good)
        }
        #expect(accepted > 0)
    }

    @Test func `A worker that changes its arena while it is read only breaks the protocol`() throws {
        let arenas = ArenaPair(outputBytes: 16 * 1024)
        let head = BatchHead.sample()
        try fill(arenas, head)
        let good = unsafe Array(arenas.output)
        let mutator = try unsafe ArenaMutator(
            arenas.output,
            positions: Array(0..<128) + Array(good.count - 2048..<good.count)
        )
        for round in 0..<3_000 {
            _ = read(arenas, head)
            if round % 10 == 0 { unsafe arenas.output.copyBytes(from: good) }
        }
        mutator.stop()
        unsafe arenas.output.copyBytes(from: good)
        #expect(read(arenas, head))
    }

    @Test func `Records that overlap cannot describe more than the bound`() throws {
        let arenas = ArenaPair()
        var head = BatchHead.sample()
        head.outputBytes = 10_000
        var generous = head
        generous.outputBytes = .max
        var writer = try arenas.begin(generous, count: inputs.count)
        for index in inputs.indices { _ = writer.emit(UInt32(index), String(repeating: "x", count: 1000)) }
        writer.finish(status: 0, runNanoseconds: 0)
        #expect(throws: ArenaError.self) { try arenas.answer(head, inputs) }
    }
}
