import Conditions
import PluginHost
import Synchronization
import WorkerProtocol

/// The transformations of a source at one of its partitions: each event goes through them once for all connections whose
/// lanes are at about the same place.
///
/// A lane that comes to an event that another is at waits for it; one that comes soon after takes what is known; one that
/// is far from all others is by itself. All connections of a source so meet the same versions and see the same result.
///
/// - Owner: the pipeline's loop; lanes ask it.
final class SourceStage: Sendable {
    struct Step: Sendable {
        let session: PluginSession
        /// Nil for every event.
        let when: Condition?
    }

    /// A plugin as a whole that cannot run now.
    struct Failure: Error {
        let error: PluginError
        let session: PluginSession
    }

    let steps: [Step]
    private let memory: Mutex<SourceMemory>

    /// - Unit: bytes of a partition's results that some lane has still to take.
    static let keptBytes = 8 * 1024 * 1024

    init(_ steps: [Step], keptBytes: Int = SourceStage.keptBytes) {
        self.steps = steps
        memory = Mutex(SourceMemory(limit: keptBytes))
    }

    /// Lets it know how many lanes will ask it of each event.
    func expect(lanes: Int) { memory.withLock { $0.lanes = lanes } }

    /// What comes of each of these events, and of those that are `followed` what stands between the transformations.
    ///
    /// Where another lane went through them that does not follow them, that is not known.
    ///
    /// - Throws: `Failure`; trying again may help when another version is there, or the plugin has come back.
    func transform(_ events: [PluginEvent], following followed: Set<Int64> = []) async throws(Failure) -> SourceAnswer {
        var verdicts: [StageVerdict?] = Array(repeating: nil, count: events.count)
        var answer = SourceAnswer(verdicts: [])
        var isTaken = false
        while !Task.isCancelled {
            var open: [Int] = []
            var other: SourceRun?
            let run = SourceRun()
            memory.withLock { memory in
                for place in events.indices where verdicts[place] == nil {
                    // A second try is one lane's own affair.
                    let knowledge = events[place].attempt > 1 ? .nothing : memory.take(events[place].offset)
                    switch knowledge {
                    case .verdict(let verdict, let passage, let dropped):
                        verdicts[place] = verdict
                        if let passage { answer.passages[events[place].offset] = passage }
                        if !dropped.isEmpty { answer.drops[events[place].offset] = dropped }
                        isTaken = true
                    case .underWay(let run): other = run
                    case .nothing: open.append(place)
                    }
                }
                memory.begin(run, open.filter { events[$0].attempt == 1 }.map { events[$0].offset })
            }
            if !open.isEmpty {
                let found = try await carryOut(run, open.map { events[$0] }, followed)
                for (place, verdict) in zip(open, found.verdicts) { verdicts[place] = verdict }
                answer.courses += found.courses
                if !found.passages.isEmpty { answer.passages.merge(found.passages) { $1 } }
                if !found.drops.isEmpty { answer.drops.merge(found.drops) { $1 } }
            }
            guard let other else {
                if isTaken, let first = events.first?.offset, let last = events.last?.offset {
                    // Its own come last, for they are what it has seen itself.
                    answer.courses = memory.withLock { $0.courses(between: first, last) } + answer.courses
                }
                answer.verdicts = verdicts.compactMap { $0 }
                return answer
            }
            await other.ended()
        }
        throw Failure(error: .stopped, session: steps[0].session)
    }

    private func carryOut(
        _ run: SourceRun,
        _ events: [PluginEvent],
        _ followed: Set<Int64>
    ) async throws(Failure) -> SourceAnswer {
        let shared = events.enumerated().filter { $0.element.attempt == 1 }
        let offsets = shared.map(\.element.offset)
        defer { run.end() }
        do throws(Failure) {
            let (work, marks) = try await work(events, followed)
            var answer = SourceAnswer(verdicts: work.verdicts(steps: steps.count))
            answer.passages = work.passages()
            answer.drops = work.drops()
            let isWhole = shared.count == events.count
            let course = SourceCourse(offsets: isWhole ? offsets : events.map(\.offset), marks: marks)
            answer.courses = [course]
            var common = answer
            common.verdicts = shared.map { answer.verdicts[$0.offset] }
            memory.withLock { $0.end(offsets, common) }
            return answer
        } catch {
            memory.withLock { $0.end(offsets, SourceAnswer(verdicts: [])) }
            throw error
        }
    }

    /// Goes through all steps, with the time at the beginning and after each.
    private func work(
        _ events: [PluginEvent],
        _ followed: Set<Int64>
    ) async throws(Failure) -> (SourceWork, marks: [Int64]) {
        var work = SourceWork(events, following: followed)
        var marks = [Moment.now.wall]
        for (number, step) in steps.enumerated() {
            let question = work.question(when: step.when)
            if !question.isEmpty {
                do throws(PluginError) {
                    work.take(try await step.session.transform(question), step: number)
                } catch {
                    throw Failure(error: error, session: step.session)
                }
            }
            marks.append(Moment.now.wall)
        }
        return (work, marks)
    }
}
