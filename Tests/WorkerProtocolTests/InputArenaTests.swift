import EventModel
import Testing

@testable import WorkerProtocol

@Suite struct InputArenaTests {
    @Test func `What the host writes is what the worker reads`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = InputArenaWriter(try arenas.inputMemory(), head)
        let events = (0..<100).map { number in
            PluginEvent(
                json: Array(#"{"n":\#(number)}"#.utf8)[...],
                partition: PartitionID(rawValue: .max),
                offset: .min,
                part: 2,
                userHash: .max,
                receivedAt: -5,
                attempt: 3,
                flags: .replay,
                idempotencyKey: Array("key-\(number)".utf8)[...]
            )
        }
        func messageID(_ number: Int) -> ArraySlice<UInt8> { Array("message-\(number)".utf8)[...] }
        func metadata(_ number: Int) -> ArraySlice<UInt8> {
            number % 2 == 0 ? [] : Array(#"{"source":1}"#.utf8)[...]
        }
        let hasContext = writer.setContext(Array("{}".utf8)[...])
        #expect(hasContext)
        for (number, event) in events.enumerated() {
            let isTaken = writer.append(event, messageID: messageID(number), metadata: metadata(number))
            #expect(isTaken)
        }
        writer.finish()

        let reader = try InputArenaReader(try arenas.inputMemory())
        #expect(reader.head == head)
        #expect(reader.count == 100)
        #expect(unsafe Array(reader.context) == Array("{}".utf8))
        for (index, event) in events.enumerated() {
            let read = try reader.event(index)
            #expect(unsafe Array(read.json)[...] == event.json)
            #expect(unsafe Array(read.metadata)[...] == metadata(index))
            #expect(unsafe Array(read.messageID)[...] == messageID(index))
            #expect(unsafe Array(read.idempotencyKey)[...] == event.idempotencyKey)
            #expect(read.flags == .replay && read.receivedNanoseconds == -5_000 && read.attempt == 3 && read.part == 2)
            #expect(read.partition == .max && read.offset == .min && read.userHash == .max)
        }
        #expect(throws: ArenaError.self) { try reader.event(100) }
    }

    @Test func `A full arena refuses an event and stays as it was`() throws {
        let arenas = ArenaPair(inputBytes: 16 * 1024)
        var writer = InputArenaWriter(try arenas.inputMemory(), .sample())
        let event = PluginEvent(json: Array(repeating: UInt8(ascii: "x"), count: 1000)[...])
        var taken = 0
        while writer.append(event) { taken += 1 }
        writer.finish()
        #expect(taken > 8)
        #expect(writer.payloadBytes == taken * 1000)
        let reader = try InputArenaReader(try arenas.inputMemory())
        #expect(reader.count == taken)
        for index in 0..<taken { #expect(unsafe Array(try reader.event(index).json)[...] == event.json) }
    }

    @Test func `A load request and responses arrive whole`() throws {
        let arenas = ArenaPair()
        let request = LoadRequest(
            pluginID: "com.example.mask",
            pluginVersion: "1.2.3",
            instanceID: "connection-4",
            configuration: Array(#"{"a":[1,2]}"#.utf8)[...],
            hostVersion: "0.1.0",
            kinds: 3,
            kind: 1,
            attempt: 9
        )
        var load = InputArenaWriter(try arenas.inputMemory(), .sample(.load))
        let isTaken = load.append(request)
        #expect(isTaken)
        load.finish()
        #expect(try InputArenaReader(try arenas.inputMemory()).loadRequest() == request)

        var responses = InputArenaWriter(try arenas.inputMemory(), .sample(.classify))
        let response = InputResponse(
            tag: 5,
            status: 429,
            attempt: 2,
            headers: [("retry-after", "3")],
            body: Array("slow down".utf8)[...]
        )
        let isResponseTaken = responses.append(response)
        #expect(isResponseTaken)
        responses.finish()
        let reader = try InputArenaReader(try arenas.inputMemory())
        let read = try reader.response(0)
        #expect(read.tag == 5 && read.status == 429 && read.attempt == 2 && read.headerCount == 1)
        #expect(unsafe String(decoding: read.body, as: UTF8.self) == "slow down")
        #expect(throws: ArenaError.self) { try reader.loadRequest() }
    }

    @Test func `A control message survives its journey and nothing else is one`() throws {
        let message = ControlMessage(.failed, sequence: 3, code: -2, values: [1, .max, 3, 4, 5, 6])
        #expect(message.bytes.count == ControlMessage.size)
        #expect(try ControlMessage(bytes: message.bytes) == message)
        #expect(throws: ArenaError.self) { try ControlMessage(bytes: Array(message.bytes.dropLast())) }
        #expect(throws: ArenaError.self) { try ControlMessage(bytes: message.bytes + [0]) }
        var unknown = message.bytes
        unknown[0] = 99
        #expect(throws: ArenaError.self) { try ControlMessage(bytes: unknown) }
        var dirty = message.bytes
        dirty[12] = 1
        #expect(throws: ArenaError.self) { try ControlMessage(bytes: dirty) }
    }
}
