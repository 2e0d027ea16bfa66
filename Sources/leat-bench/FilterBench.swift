import ArgumentParser
import Conditions
import EventJSON
import EventLog
import EventModel
import Foundation
import Pipeline

/// What an event costs a lane whose connection does not want it: from its chunk to its being counted.
struct FilterBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filter",
        abstract: "An event that a filter rejects by its chunk's directory, beside one whose text must be asked."
    )

    @Option(help: "How often the measurement and its reference run.")
    var pairs = 9

    @Option(help: "How many different events of about 1 KB.")
    var events = 4096

    func run() async throws {
        let chunks = try Self.chunks(of: SampleEvents(count: events))
        let directory = try Condition(parsing: "event == \"Order Refunded\" && properties.total > 100")
        let text = try Condition(parsing: "context.campaign.source == \"nobody\" && properties.total > 100")
        let beside = try await Pairs(pairs, of: "filter") {
            try cost(of: chunks, Chooser(Selection(filter: directory), of: ConsumerID(rawValue: 1)))
        } reference: {
            try cost(of: chunks, Chooser(Selection(filter: text), of: ConsumerID(rawValue: 1)))
        }
        BenchLine(bench: "filter", unit: "ns/event", pairs: beside).emit()
    }

    /// Track calls with all their names, as they come out of the log.
    private static func chunks(of events: SampleEvents) throws -> [Chunk] {
        var chunks: [Chunk] = []
        var next: Int64 = 0
        while next < events.count {
            var draft = ChunkDraft(partition: PartitionID(rawValue: 256))
            for index in Int(next)..<min(events.count, Int(next) + chunkEvents) {
                let entry = DirectoryEntry(
                    length: 0,
                    type: .track,
                    receivedAt: 0,
                    userHash: UInt64(index),
                    nameHash: EventHash.key("Order Completed"),
                    messageHash: EventHash.message("\(index)")
                )
                draft.append(entry, Array(events[index]))
            }
            let payload = draft.encode()
            chunks.append(
                try Chunk(
                    partition: draft.partition,
                    firstOffset: next,
                    sliceTime: next,
                    count: draft.count,
                    payload: payload
                )
            )
            next += Int64(draft.count)
        }
        return chunks
    }

    /// - Unit: events.
    private static let chunkEvents = 64

    /// Nanoseconds for each event; the bodies of a chunk are inflated once, by whoever asks for them first.
    private func cost(of chunks: [Chunk], _ chooser: Chooser?) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        var count = 0
        repeat {
            var machine = LaneMachine(partition: PartitionID(rawValue: 256), destination: DestinationID(rawValue: 1))
            let now = Moment(instant: start, wall: 0)
            for chunk in chunks {
                var sorter = ChunkSorter(chooser)
                var events: [LaneEvent] = []
                guard sorter.sort(chunk, from: 0, [], into: &events) == nil, sorter.wanted == 0 else {
                    throw WrongChoice()
                }
                machine.read(events, chain: [PluginLabel(id: "bench", version: "1")], at: now)
                count += events.count
            }
            guard machine.progress.counts.filtered == machine.nextOffset, machine.isIdle else { throw WrongChoice() }
        } while clock.now - start < Self.shortest
        return (clock.now - start) / .nanoseconds(1) / Double(count)
    }

    /// How long one run takes at least.
    private static let shortest = Duration.milliseconds(300)

    /// Something passed the filter, or was not counted.
    private struct WrongChoice: Error {}
}
