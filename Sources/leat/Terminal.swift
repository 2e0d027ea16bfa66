import Foundation

/// What the command line shows to a person.
enum Terminal {
    private static let isTerminal = isatty(STDERR_FILENO) == 1

    /// Whether a command's result may have colours: only a person sees them.
    static var isColoured: Bool { isatty(STDOUT_FILENO) == 1 }

    /// One line of a command's result, on standard output at once.
    static func line(_ text: String) { write(text + "\n") }

    /// A part of a command's result; ends the program where nobody takes it any more.
    static func write(_ text: String) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
        } catch {
            let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            // As the signal would have it, which is switched off for the sake of the network: `head` has read enough.
            if cause?.code == Int(EPIPE) { _exit(128 + SIGPIPE) }
            complain("The result cannot be written: \(error.localizedDescription)\n")
            _exit(1)
        }
    }

    /// Something for people, which nobody need read.
    static func complain(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

    /// A line about long work, written over the one before where a person looks on.
    static func progress(_ text: String) {
        guard isTerminal else { return }
        complain("\r\u{1B}[K\(text)")
    }

    /// The result of long work.
    static func finish(_ text: String) {
        if isTerminal { complain("\r\u{1B}[K") }
        line(text)
    }
}

/// A failure that is told in one sentence and ends the command with 1.
struct RuntimeError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
