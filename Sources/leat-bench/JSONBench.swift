import ArgumentParser
import CSimdjson
import EventJSON
import Foundation

/// How fast one core changes one value of each event: parse, one edit, write.
struct JSONBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "json",
        abstract: "EventJSON parse, one edit and write, beside simdjson's DOM parse and Foundation's round trip."
    )

    @Option(help: "How often the measurement and its reference run.")
    var pairs = 9

    @Option(help: "How many different events of about 1 KB.")
    var events = 4096

    func run() async throws {
        let events = SampleEvents(count: events)
        let simdjson = SimdjsonParser()
        FileHandle.standardError.write(
            Data(
                "\(events.count) events of \(events.bytes.count / events.count) bytes, simdjson \(simdjson.kernel)\n"
                    .utf8
            )
        )
        var editor = EventEditor()
        let beside = try await Pairs(pairs, of: "json") {
            try rate(of: events) { try editor.edit(events) }
        } reference: {
            try rate(of: events) { try simdjson.parse(events) }
        }
        BenchLine(bench: "json", unit: "MB/s", pairs: beside).emit()
        let foundation = try await Pairs(pairs, of: "json.foundation") {
            try rate(of: events) { try editor.edit(events) }
        } reference: {
            try rate(of: events) { try FoundationRoundTrip.edit(events) }
        }
        BenchLine(bench: "json.foundation", unit: "MB/s", pairs: foundation).emit()
    }

    /// Megabytes of events a second, over at least `shortest`.
    private func rate(of events: SampleEvents, _ pass: () throws -> Void) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var passes = 0
        repeat {
            try pass()
            passes += 1
        } while clock.now - start < Self.shortest
        return Double(events.bytes.count * passes) / ((clock.now - start) / .seconds(1)) / 1e6
    }

    /// How long one run takes at least.
    private static let shortest = Duration.milliseconds(300)
}

/// A run that did not do its work, whose time would mean nothing.
private struct BrokenRun: Error {}

/// Ours: one tape, one set of edits and one output for all events.
private struct EventEditor {
    private var tape = JSONTape()
    private var edits = JSONEdits()
    private var output: [UInt8] = []

    /// How many events one output collects.
    private static let collected = 64

    mutating func edit(_ events: SampleEvents) throws {
        for index in 0..<events.count {
            if index.isMultiple(of: Self.collected) { output.removeAll(keepingCapacity: true) }
            try tape.parse(events[index])
            edits.removeAll()
            try edits.set("context.ip", of: tape.root, in: tape, to: "192.0.2.1")
            edits.write(tape.root, of: tape, into: &output)
        }
        tape.reset()
        guard !output.isEmpty else { throw BrokenRun() }
    }
}

/// The yardstick: simdjson's DOM, its parser reused as its documentation advises.
@safe private final class SimdjsonParser {
    private let parser = unsafe leat_simdjson_create()

    deinit { unsafe leat_simdjson_destroy(parser) }

    var kernel: String { unsafe String(cString: leat_simdjson_kernel()) }

    func parse(_ events: SampleEvents) throws {
        let accepted = unsafe events.padded.withUnsafeBufferPointer { bytes in
            unsafe events.offsets.withUnsafeBufferPointer { offsets in
                unsafe leat_simdjson_parse(parser, bytes.baseAddress, offsets.baseAddress, events.count)
            }
        }
        guard accepted == events.count else { throw BrokenRun() }
    }
}

/// What a Swift program would do without EventJSON.
private enum FoundationRoundTrip {
    static func edit(_ events: SampleEvents) throws {
        var written = 0
        for index in 0..<events.count {
            var event = try JSONSerialization.jsonObject(with: Data(events[index])) as? [String: Any] ?? [:]
            var context = event["context"] as? [String: Any] ?? [:]
            context["ip"] = "192.0.2.1"
            event["context"] = context
            written += try JSONSerialization.data(withJSONObject: event).count
        }
        guard written > 0 else { throw BrokenRun() }
    }
}
