import ArgumentParser
import Catalog
import Foundation

extension DeadLetters {
    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep another event beside one that died, to be taken instead when it is requeued.",
            discussion: """
                Opens the event in $VISUAL or $EDITOR, or takes it from a file; - is the standard input. Its user and its \
                messageId must stay. What was kept of the dead letter is not changed, and --revert forgets the edit.
                """
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name, as leat dead-letters shows it.") var id: String
        @Option(help: "A file with the whole event; - for the standard input.") var file: String?
        @Flag(help: "Forget what was edited.") var revert = false

        /// Far more than any event has.
        private static let mostBytes = Document.maximumBytes

        func run() async throws {
            guard file == nil || !revert else { throw ValidationError("--file and --revert exclude each other.") }
            let path = "/dead-letters/\(AdminClient.encoded(id))"
            try await server.withClient { client in
                if revert {
                    try await client.call(.delete, path + "/payload")
                    return Terminal.line("~ dead letter \(id): the event as accepted counts again")
                }
                let text: String
                if let file {
                    text = try Self.read(file)
                } else {
                    let letter = try await client.call(.get, path)
                    guard let before = (letter["editedEvent"] ?? nil)?.string ?? letter["event"]?.string else {
                        throw RuntimeError("The event itself is not kept with this dead letter; give it with --file.")
                    }
                    let pretty = (try? Document.json(before))?.pretty.joined(separator: "\n") ?? before
                    guard let edited = try await Editor.edit(pretty + "\n") else {
                        return Terminal.line("Nothing was changed.")
                    }
                    text = edited
                }
                let event: Document
                do throws(DocumentError) {
                    event = try Document.json(text)
                } catch {
                    throw RuntimeError("\(error.line.map { "Line \($0): the" } ?? "The") event \(error.message).")
                }
                try await client.call(.put, path + "/payload", body: .json(event))
                Terminal.line("~ dead letter \(id): another event is taken when it is requeued")
            }
        }

        private static func read(_ file: String) throws -> String {
            let data: Data?
            if file == "-" {
                data = try FileHandle.standardInput.read(upToCount: mostBytes + 1)
            } else {
                guard let handle = FileHandle(forReadingAtPath: file) else {
                    throw RuntimeError("The file \(file) cannot be read.")
                }
                data = try handle.read(upToCount: mostBytes + 1)
            }
            guard let data, data.count <= mostBytes else {
                throw RuntimeError("\(file) holds no event, or is too long.")
            }
            return String(decoding: data, as: UTF8.self)
        }
    }
}

/// The program in which people change texts.
enum Editor {
    /// Lets a person change a text; nil where it stayed as it was.
    static func edit(_ text: String) async throws -> String? {
        let environment = ProcessInfo.processInfo.environment
        let words = [environment["VISUAL"], environment["EDITOR"]].compactMap { $0 }.first { !$0.isEmpty } ?? "vi"
        let folder = FileManager.default.temporaryDirectory.appending(path: "leat-\(UUID().uuidString)")
        // Events are of nobody's business but the owner's.
        try FileManager.default.createDirectory(
            at: folder,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "event.json")
        try text.write(to: file, atomically: false, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", words + " \"$1\"", "leat", file.path]
        try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in ended.resume() }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                ended.resume(throwing: error)
            }
        }
        guard process.terminationStatus == 0 else {
            throw RuntimeError("\(words) ended with an error; nothing was changed.")
        }
        let edited = try String(contentsOf: file, encoding: .utf8)
        return edited == text ? nil : edited
    }
}
