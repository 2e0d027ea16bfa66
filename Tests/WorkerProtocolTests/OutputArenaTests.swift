import EventModel
import TestSupport
import Testing

@testable import WorkerProtocol

@Suite struct OutputArenaTests {
    let inputs = [#"{"a":1}"#, #"{"b":2}"#, #"{"c":3}"#, #"{"d":4}"#]

    @Test func `Each event gets the verdict that the plugin gave`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = try arenas.begin(head, count: 4)
        #expect(writer.emit(2, "third") == .ok)
        #expect(writer.emit(0, "one") == .ok)
        #expect(writer.drop(1, "bot") == .ok)
        #expect(writer.emit(0, "two") == .ok)
        #expect(writer.fail(3, .retry, "no_table", "the table is not loaded yet") == .ok)
        writer.finish(status: 0, runNanoseconds: 42)

        let answer = try arenas.answer(head, inputs)
        #expect(answer.verdicts[0].texts == ["one", "two"])
        #expect(answer.verdicts[1] == .drop(reason: "bot"))
        #expect(answer.verdicts[2].texts == ["third"])
        let soon = Disposition.retry(after: .seconds(1))
        let message = "the table is not loaded yet"
        #expect(answer.verdicts[3] == .fail(code: "no_table", message: message, disposition: soon))
        #expect(answer.outputBytes == 11)
        #expect(answer.runNanoseconds == 42)
    }

    @Test func `Edits are applied to the host's own copy`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        let inputs = [#"{"a":1,"b":2}"#, "{}", "{}"]
        var writer = try arenas.begin(head, count: 3)
        #expect(writer.edits(0, inputLength: 13, [(1, 6, ""), (11, 1, "null"), (13, 0, " ")]) == .ok)
        #expect(writer.edits(1, inputLength: 2, []) == .ok)
        #expect(writer.edits(2, inputLength: 2, [(1, 0, #""x":[]"#)]) == .ok)
        writer.finish(status: 0, runNanoseconds: 0)
        let answer = try arenas.answer(head, inputs)
        #expect(answer.verdicts.map(\.texts) == [[#"{"b":null} "#], ["{}"], [#"{"x":[]}"#]])
    }

    @Test func `Edits that overlap, run backwards or leave the event are refused`() throws {
        let arenas = ArenaPair()
        var writer = try arenas.begin(.sample(), count: 1)
        #expect(writer.edits(0, inputLength: 10, [(4, 3, "x"), (6, 1, "y")]) == .invalid)
        #expect(writer.edits(0, inputLength: 10, [(8, 1, "x"), (2, 1, "y")]) == .invalid)
        #expect(writer.edits(0, inputLength: 10, [(8, 3, "x")]) == .invalid)
        #expect(writer.edits(0, inputLength: 10, [(.max, 2, "x")]) == .invalid)
        #expect(writer.edits(0, inputLength: 10, [(0, 10, "")]) == .invalid)
        #expect(writer.edits(1, inputLength: 10, []) == .invalid)
    }

    @Test func `Reserved room becomes a part without a copy`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = try arenas.begin(head, count: 1)
        let room = unsafe try #require(writer.reserve(100))
        unsafe room.copyBytes(from: Array("abc".utf8))
        #expect(writer.commitReserved(0, length: 101) == .invalid)
        #expect(writer.commitReserved(0, length: 3) == .ok)
        #expect(writer.commitReserved(0, length: 3) == .invalid)
        #expect(writer.emit(0, "def") == .ok)
        writer.finish(status: 0, runNanoseconds: 0)
        #expect(try arenas.answer(head, ["{}"]).verdicts[0].texts == ["abc", "def"])
    }

    @Test func `Failure wins over output, and a drop beside output is a conflict`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = try arenas.begin(head, count: 4)
        _ = writer.emit(0, "x")
        _ = writer.fail(0, .permanent, "bad", "")
        _ = writer.drop(1, "")
        _ = writer.emit(1, "x")
        _ = writer.drop(2, "")
        _ = writer.fail(2, .permanent, "first", "")
        _ = writer.fail(2, .permanent, "second", "")
        writer.finish(status: 0, runNanoseconds: 0)
        let verdicts = try arenas.answer(head, inputs).verdicts
        #expect(verdicts[0] == .fail(code: "bad", message: "", disposition: .bury))
        #expect(verdicts[1] == .conflict)
        #expect(verdicts[2] == .fail(code: "first", message: "", disposition: .bury))
        #expect(verdicts[3] == .noVerdict)
    }

    @Test func `A batch error falls on the events without a verdict`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = try arenas.begin(head, count: 4)
        _ = writer.emit(1, "x")
        writer.finish(status: -1, runNanoseconds: 0)
        let verdicts = try arenas.answer(head, inputs).verdicts
        #expect(verdicts[1].texts == ["x"])
        let message = "the plugin returned -1 for the batch"
        let failure = PluginVerdict.fail(
            code: "batch_failed",
            message: message,
            disposition: .retry(after: .seconds(1))
        )
        #expect(verdicts[0] == failure)
    }

    @Test func `What does not fit is run again with a larger arena and never lost`() throws {
        let arenas = ArenaPair(outputBytes: 16 * 1024)
        let head = BatchHead.sample()
        let long = String(repeating: "x", count: 3000)
        var writer = try arenas.begin(head, count: 8)
        for index in 0..<8 as Range<UInt32> {
            _ = writer.emit(index, "short")
            _ = writer.emit(index, long)
        }
        writer.finish(status: 0, runNanoseconds: 0)
        let answer = try arenas.answer(head, Array(repeating: "{}", count: 8))
        #expect(answer.verdicts[0].texts == ["short", long])
        #expect(answer.outgrown.last == 7)
        for (index, verdict) in answer.verdicts.enumerated() {
            #expect(answer.outgrown.contains(index) ? verdict == .outputLimit : verdict.texts == ["short", long])
        }
        #expect(answer.outputBytes == (8 - answer.outgrown.count) * 3005)
    }

    @Test func `An event beyond its own limits fails with a clear code`() throws {
        let arenas = ArenaPair()
        var head = BatchHead.sample()
        head.fanOut = 2
        head.partBytes = 10
        var writer = try arenas.begin(head, count: 2)
        #expect(writer.emit(0, "x") == .ok)
        #expect(writer.emit(0, "x") == .ok)
        #expect(writer.emit(0, "x") == .limit)
        #expect(writer.emit(1, "12345678901") == .limit)
        writer.finish(status: 0, runNanoseconds: 0)
        for verdict in try arenas.answer(head, ["{}", "{}"]).verdicts {
            #expect(verdict == .fail(code: "output_limit", message: "", disposition: .bury))
        }
    }

    @Test func `A crash leaves a suspect`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = try arenas.begin(head, count: 4)
        writer.progress(0)
        _ = writer.emit(0, "x")
        writer.progress(1)
        #expect(try arenas.suspect(head, inputs) == 1)
        #expect(throws: ArenaError.self) { try arenas.answer(head, inputs) }
        var next = head
        next.batch = 8
        #expect(try arenas.suspect(next, inputs) == nil)
        // Without a hint it is the first event of which nothing was said.
        var silent = try arenas.begin(head, count: 4)
        _ = silent.drop(0, "bot")
        _ = silent.emit(2, "x")
        #expect(try arenas.suspect(head, inputs) == 1)
    }

    @Test func `Logs are kept up to a bound and then counted`() throws {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = try arenas.begin(head, count: 1)
        for _ in 0..<200 {
            unsafe Array("hello".utf8).withUnsafeBytes { text in
                unsafe writer.log(level: 2, text, fields: UnsafeRawBufferPointer(start: nil, count: 0))
            }
        }
        _ = writer.emit(0, "x")
        writer.finish(status: 0, runNanoseconds: 0)
        let answer = try arenas.answer(head, ["{}"])
        #expect(answer.logs.count == TextLimits.logsPerBatch)
        #expect(answer.droppedLogs == 72)
        #expect(answer.logs.first?.message == "hello")
    }
}
