import Foundation

/// What the command line shows to a person.
enum Terminal {
    private static let isTerminal = isatty(STDERR_FILENO) == 1

    /// One line of a command's result, on standard output at once.
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    /// A line about long work, written over the one before where a person looks on.
    static func progress(_ text: String) {
        guard isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }

    /// The result of long work.
    static func finish(_ text: String) {
        if isTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
        line(text)
    }
}

/// A failure that is told in one sentence and ends the command with 1.
struct RuntimeError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
