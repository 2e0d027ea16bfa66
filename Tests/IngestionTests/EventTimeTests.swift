import Foundation
import TestSupport
import Testing

@testable import Ingestion

@Suite struct EventTimeTests {
    @Test(arguments: [
        ("2026-11-22T11:22:36.289673+00:00", "2026-11-22T11:22:36.289Z"),
        ("2026-11-22T11:22:36.289Z", "2026-11-22T11:22:36.289Z"),
        ("2026-11-22T11:22:36Z", "2026-11-22T11:22:36.000Z"),
        ("2026-11-22T11:22Z", "2026-11-22T11:22:00.000Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000Z"),
        ("2026-11-22 11:22:36", "2026-11-22T11:22:36.000Z"),
        ("2026-11-22T11:22:36.9999999+02:00", "2026-11-22T09:22:36.999Z"),
        ("2026-11-22T00:22:36,5-0530", "2026-11-22T05:52:36.500Z"),
        ("2026-11-22T11:22:36+05", "2026-11-22T06:22:36.000Z"),
        ("2024-02-29t23:59:60z", "2024-02-29T23:59:59.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ])
    func `A time is read as SDKs write it and written in one form`(text: String, written: String) throws {
        let read = EventTime(Array(text.utf8).span)
        let time = try #require(read)
        var bytes: [UInt8] = []
        time.append(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == written)
        #expect(bytes.count == EventTime.textBytes)
        #expect(time.isPrintable)
    }

    @Test(arguments: [
        "", "2026", "2026-13-01", "2026-02-29", "2026-11-31", "2026-11-22T", "2026-11-22T24:00:00Z", "0000-01-01",
        "2026-11-22T11:60:00Z", "2026-11-22T11:22:61Z", "2026-11-22T11:22:36.Z", "2026-11-22T11:22:36+24:00",
        "2026-11-22T11:22:36Zx", "26-11-22", "2026-1-2", "now", "1795346556", "2026-11-22T11:22:36+1",
    ])
    func `What is no time is not read as one`(text: String) {
        let read = EventTime(Array(text.utf8).span)
        #expect(read == nil)
    }

    @Test func `Reading and writing agree with Foundation since the calendar is what it is`() throws {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        var generator = SplitMix(seed: 7)
        for _ in 0..<2000 {
            let milliseconds = Int64.random(in: -11_670_000_000_000...200_000_000_000_000, using: &generator)
            var bytes: [UInt8] = []
            EventTime(microseconds: milliseconds * 1000).append(to: &bytes)
            let text = String(decoding: bytes, as: UTF8.self)
            let foundation = try style.parse(text).timeIntervalSince1970 * 1000
            #expect(Int64(foundation.rounded()) == milliseconds, "\(text)")
            let read = EventTime(bytes.span)
            #expect(read?.microseconds == milliseconds * 1000)
        }
    }

    @Test func `A message id is a random UUID of version 4`() {
        var generator = SplitMix(seed: 1)
        var seen = Set<String>()
        for _ in 0..<1000 {
            var bytes: [UInt8] = []
            MessageIdentifier.appendRandom(to: &bytes, using: &generator)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(UUID(uuidString: text)?.uuidString.lowercased() == text)
            #expect(bytes[14] == UInt8(ascii: "4"))
            #expect("89ab".utf8.contains(bytes[19]))
            seen.insert(text)
        }
        #expect(seen.count == 1000)
    }
}
