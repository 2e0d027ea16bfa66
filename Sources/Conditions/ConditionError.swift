package import EventModel

/// Where a condition is wrong, what stands there and what could.
package struct ConditionError: ClassifiedError, Equatable {
    /// - Unit: lines from 1.
    package let line: Int
    /// - Unit: characters of the line from 1.
    package let column: Int
    /// What stands there, in quotes where it is a part of the condition.
    package let found: String
    /// What could stand there.
    package let expected: String
    /// Whether the condition has one line, so that the column says enough.
    private let isOnOneLine: Bool

    init(in text: [UInt8], at offset: Int, found: String, expected: String) {
        let before = text.prefix(offset)
        line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        // A character is counted by its first byte.
        column = before[start...].count { $0 & 0xC0 != 0x80 } + 1
        self.found = found
        self.expected = expected
        isOnOneLine = !text.contains(UInt8(ascii: "\n"))
    }

    package var code: String { "condition" }

    /// A condition that is wrong stays wrong until a person changes it.
    package var disposition: Disposition { .bury }

    package var description: String {
        let place = isOnOneLine ? "column \(column)" : "line \(line), column \(column)"
        return "\(place): found \(found), expected \(expected)"
    }
}
