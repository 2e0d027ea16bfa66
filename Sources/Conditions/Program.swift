/// A condition in the form in which it is asked.
///
/// - Shape: one list of instructions that are worked through from the first to the last, with one answer in hand. Paths,
///   values and their bytes are ranges of three other lists, so that an instruction is a handful of numbers.
struct Program: Sendable {
    var instructions: [Instruction] = []
    var tests: [Test] = []
    var steps: [Step] = []
    var values: [Value] = []
    /// The names of steps and the texts and numbers of values.
    var bytes: [UInt8] = []

    /// One thing to do; the places are of instructions.
    enum Instruction: Sendable {
        /// Take the answer of this test, or its opposite.
        case ask(test: Int, negated: Bool)
        /// Go on there if the answer is no.
        case skipUnlessTrue(to: Int)
        /// Go on there if the answer is yes.
        case skipIfTrue(to: Int)
    }

    /// What is asked of the value at the end of a path.
    struct Test: Sendable {
        let path: Range<Int>
        let verb: Verb
        /// One value; for `in` any number of them, for `exists` none.
        let values: Range<Int>
    }

    enum Verb: Sendable {
        case exists, equal, less, lessOrEqual, greater, greaterOrEqual, among, contains, startsWith, endsWith
    }

    /// One step of a path.
    enum Step: Sendable {
        /// To the member of this name.
        case member(Range<Int>)
        /// To this element of an array.
        case element(Int)
    }

    /// A value as the condition has it.
    enum Value: Sendable {
        case null
        case boolean(Bool)
        /// As it is written.
        case number(Range<Int>)
        /// Without its quotes, escapes resolved.
        case text(Range<Int>)
    }
}

/// A condition as it was read, before it is a program.
indirect enum Expression {
    case test(Int)
    case not(Expression)
    case all([Expression])
    case any([Expression])
}

extension Program {
    /// Appends what asks `expression`, or its opposite.
    mutating func append(_ expression: Expression, negated: Bool = false) {
        switch expression {
        case .test(let test): instructions.append(.ask(test: test, negated: negated))
        case .not(let inner): append(inner, negated: !negated)
        // The opposite of "all" is "any opposite".
        case .all(let parts): append(parts, all: !negated, negated: negated)
        case .any(let parts): append(parts, all: negated, negated: negated)
        }
    }

    private mutating func append(_ parts: [Expression], all: Bool, negated: Bool) {
        var skips: [Int] = []
        for (number, part) in parts.enumerated() {
            append(part, negated: negated)
            guard number < parts.count - 1 else { continue }
            skips.append(instructions.count)
            instructions.append(.skipIfTrue(to: 0))
        }
        let end = instructions.count
        for place in skips { instructions[place] = all ? .skipUnlessTrue(to: end) : .skipIfTrue(to: end) }
    }
}
