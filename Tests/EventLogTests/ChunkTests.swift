import EventLog
import EventModel
import Testing

@Suite struct ChunkTests {
    private func decode(_ payload: [UInt8], count: Int) throws(EventLogError) -> Chunk {
        try Chunk(partition: Events.partition, firstOffset: 40, sliceTime: 5, count: count, payload: payload)
    }

    @Test(arguments: Codec.allCases) func `A chunk comes back as it was written`(codec: Codec) throws {
        let draft = Events.draft(0..<100)
        let chunk = try decode(draft.encode(codec), count: 100)
        let bodies = try chunk.bodies()
        #expect(chunk.endOffset == 140)
        #expect(bodies.count == 100)
        for number in 0..<100 {
            #expect(Array(bodies[number]) == Events.text(number))
            var entry = Events.entry(number)
            entry.length = UInt32(Events.text(number).count)
            #expect(chunk.entries[number] == entry)
            #expect(chunk.entries[number].eventType == .track)
        }
    }

    @Test func `Bodies that do not shrink are kept as they are`() throws {
        var generator = SystemRandomNumberGenerator()
        var draft = ChunkDraft(partition: Events.partition)
        let noise = (0..<2000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        draft.append(Events.entry(1), noise)
        let payload = draft.encode(.lz4)
        #expect(payload.count == 32 + 48 + 2000)
        #expect(Array(try decode(payload, count: 1).bodies()[0]) == noise)
    }

    @Test(arguments: Codec.allCases) func `Any changed byte and any missing end is found`(codec: Codec) throws {
        let payload = Events.draft(0..<20).encode(codec)
        for place in payload.indices {
            var damaged = payload
            damaged[place] ^= 0x10
            #expect(throws: EventLogError.self, "byte \(place)") { try decode(damaged, count: 20).bodies() }
        }
        for length in stride(from: 0, to: payload.count, by: 7) {
            #expect(throws: EventLogError.self) { try decode(Array(payload.prefix(length)), count: 20).bodies() }
        }
        #expect(throws: EventLogError.self) { try decode(payload + [0], count: 20) }
        #expect(throws: EventLogError.self) { try decode(payload, count: 19) }
    }

    @Test func `Hashes never change, because they are stored`() {
        #expect(EventHash.key("user-1") == EventHash.key(Array("user-1".utf8)[...]))
        #expect(EventHash.key("") == 0x2D06_8005_38D3_94C2)
        #expect(EventHash.message("") == MessageHash(high: 0x99AA_06D3_0147_98D8, low: 0x6001_C324_468D_497F))
    }
}
