import ArgumentParser

/// The one program people meet: the server and every client command.
@main
struct Leat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leat",
        abstract: "A self-hosted platform for customer event data.",
        subcommands: [Send.self, Listen.self]
    )
}
