import ArgumentParser
import Foundation

/// The one program people meet: the server and every client command.
@main
struct Leat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leat",
        abstract: "A self-hosted platform for customer event data.",
        subcommands: [Serve.self, Send.self, Listen.self, DatabaseCommands.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Configuration",
                subcommands: [
                    Apply.self, Export.self, Sources.self, Destinations.self, Connections.self, Plugins.self,
                    Secrets.self, Tokens.self,
                ]
            ),
            CommandGroup(
                name: "What happens",
                subcommands: [
                    CountsCommand.self, EventCommand.self, TraceCommands.self, TailCommand.self, LogCommand.self,
                    LanesCommand.self, AuditCommand.self, DeadLetters.self, RefusedCommand.self, ReplayCommand.self,
                ]
            ),
            CommandGroup(name: "Nodes", subcommands: [NodesCommand.self, NodeCommand.self]),
        ]
    )

    /// Starts the command and keeps the first thread waiting for its end.
    ///
    /// An asynchronous `main` would let the first thread end. The kernel goes on to judge the process by that thread, and
    /// a dead one keeps root's identity when the server gives it up.
    static func main() {
        // The only task without a parent: it is the program, and ends it.
        Task.detached {
            await begin()
            exit(withError: nil)
        }
        while true { pause() }
    }

    /// Ends with 0, with 1 when something could not be done, and with 2 when the command line is wrong.
    private static func begin() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            Terminal.complain(fullMessage(for: error) + "\n")
            _exit(2)
        }
    }
}
