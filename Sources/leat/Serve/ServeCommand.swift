import ArgumentParser
import Foundation
import Logging

/// Runs the server.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server.",
        discussion: """
            Without DATABASE_URL it creates and supervises a private PostgreSQL in its data folder. Every setting can come \
            from the environment as well; --print-settings shows them.
            """
    )

    @Option(help: "The address to listen on.")
    var host: String?

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port: String?

    @Option(help: "The folder for the private database.")
    var dataDirectory: String?

    @Option(help: "Addresses and ranges that requests may go to though they are not public, such as 10.0.0.0/8.")
    var allowTargets: String?
    @Option(help: "The file with the key that secrets are encrypted with.")
    var secretKeyFile: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    @Flag(help: "Show the settings in force, secrets hidden, and end.")
    var printSettings = false

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let settings = try ServeSettings(options: options, environment: environment)
        if printSettings {
            for setting in settings.shown { Terminal.line("\(setting.key) = \(setting.value)") }
            return
        }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = settings.logLevel
            return handler
        }
        try await Server.run(settings, environment: environment)
    }

    private var options: [String: String] {
        var given: [String: String] = [:]
        given["http.host"] = host
        given["http.port"] = port
        given["data.directory"] = dataDirectory
        given["delivery.allow"] = allowTargets
        given["secret.key_file"] = secretKeyFile
        given["log.level"] = logLevel
        return given
    }
}
