package import Conditions
import EventJSON
import EventModel
package import WorkerProtocol

/// How the transformations of a lane's chain are gone through.
package struct LaneSteps: Sendable {
    /// What must hold for what each of them is asked of, in the order of the chain; nil for everything, and so is what
    /// lies behind the end.
    package var conditions: [Condition?] = []
    /// How many at the beginning are the source's.
    ///
    /// They are gone through together, by somebody who does so once for all connections of the source, and who asks for
    /// their conditions.
    package var shared = 0

    package init(conditions: [Condition?] = [], shared: Int = 0) {
        self.conditions = conditions
        self.shared = shared
    }

    /// What is asked before the transformation at `step`, if anything.
    func condition(at step: Int) -> Condition? {
        conditions.indices.contains(step) && step >= shared ? conditions[step] : nil
    }

    /// Where a portion goes on that was at `step`.
    func next(after step: Int) -> Int { step < shared ? shared : step + 1 }

    /// Of what plugins write; what does not keep to it is for the next worker to refuse.
    static let limits = JSONLimits(bytes: JSONLimits.tapeBytes, depth: Limits.nestingDepth)
}

/// What came of a part at a transformation, or of an event at all of its source's.
package enum StageVerdict: Sendable {
    /// Nobody was asked.
    case passed
    /// A word of the transformation at this place of the chain; with a failure, what it was given.
    case judged(PluginVerdict, step: Int, input: ArraySlice<UInt8>? = nil)
}
