import ArgumentParser
import Foundation

/// Writes the server's configuration as a file that `leat apply` takes.
struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a server's configuration as a file for leat apply.",
        discussion: "Write keys are never in it; applying the file to the same server changes nothing."
    )

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "Where to write it; standard output if nothing is given.")
    var output: String?

    func run() async throws {
        try await server.withClient { client in
            let text = try await client.text(.get, "/export")
            if let output {
                guard FileManager.default.createFile(atPath: output, contents: Data(text.utf8)) else {
                    throw RuntimeError("The file \(output) cannot be written.")
                }
            } else {
                Terminal.write(text)
            }
        }
    }
}
