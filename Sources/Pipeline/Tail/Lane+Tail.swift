import EventLog
import EventModel
import PluginHost
import WorkerProtocol

/// What a lane shows to those who watch it.
extension Lane {
    /// Shows parts that go to their connector.
    func showTransformed(_ events: [PluginEvent], _ stage: LaneDesk.Stage) {
        guard tail.isWatched(.transformed) else { return }
        let place = place(.transformed, stage.plan)
        tail.show(at: place) {
            var copy = TailCopy(events.reduce(0) { $0 + $1.json.count }, events.count)
            for event in events {
                copy.append(event.offset, part: Int(event.part), event.userHash, event.json)
            }
            return TailBatch(
                place,
                plugins: stage.plan.labels.map(\.text),
                at: Moment.now.wall,
                bytes: copy.bytes,
                entries: copy.entries
            )
        }
    }

    /// Lets the machine tell how events end, as long as somebody watches.
    func watchOutcomes(_ machine: inout LaneMachine) {
        let isWatched = tail.isWatched(.delivered) || tail.isWatched(.transformed)
        if isWatched != (machine.outcomes != nil) { machine.outcomes = isWatched ? [] : nil }
    }

    /// Shows how events have ended, and to those who watch what goes to the connector whatever did not come so far.
    func showOutcomes(_ desk: inout LaneDesk) {
        guard let outcomes = desk.machine.takeOutcomes() else { return }
        show(outcomes, at: .delivered, desk.plan)
        let early = outcomes.filter(\.isEarly)
        if !early.isEmpty { show(early, at: .transformed, desk.plan) }
    }

    private func show(_ outcomes: [LaneOutcome], at stage: TailStage, _ plan: LanePlan) {
        guard tail.isWatched(stage) else { return }
        let place = place(stage, plan)
        let plugins = plan.labels.map(\.text)
        tail.show(at: place) {
            var copy = TailCopy(outcomes.reduce(0) { $0 + $1.json.count }, outcomes.count)
            for outcome in outcomes {
                copy.append(outcome.offset, part: outcome.part, outcome.userHash, outcome.json, outcome.fate)
            }
            return TailBatch(place, plugins: plugins, at: Moment.now.wall, bytes: copy.bytes, entries: copy.entries)
        }
    }

    private func place(_ stage: TailStage, _ plan: LanePlan) -> TailBatch.Place {
        TailBatch.Place(
            stage: stage,
            partition: key.partition,
            connection: plan.replay?.connection ?? key.consumer,
            replay: plan.replay?.id,
            destination: destination
        )
    }
}

/// Events on their way into a batch, their JSON one after the other.
private struct TailCopy {
    var bytes: [UInt8] = []
    var entries: [TailBatch.Entry] = []

    init(_ bytes: Int, _ events: Int) {
        self.bytes.reserveCapacity(bytes)
        entries.reserveCapacity(events)
    }

    mutating func append(
        _ offset: Int64,
        part: Int?,
        _ userHash: UInt64,
        _ json: ArraySlice<UInt8>,
        _ fate: TailFate? = nil
    ) {
        let start = bytes.count
        bytes.append(contentsOf: json)
        let range = start..<bytes.count
        entries.append(TailBatch.Entry(offset: offset, part: part, userHash: userHash, range: range, fate: fate))
    }
}

extension PluginLabel {
    /// As people name it.
    fileprivate var text: String { "\(id)@\(version)" }
}
