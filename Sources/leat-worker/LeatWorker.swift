import Glibc

/// One small program in two modes.
///
/// The host starts it as `launcher` before it has threads; the launcher starts it again
/// as `worker` for each plugin version and configuration.
///
/// It links no Foundation, nothing that reaches the network or the database, and its own copy of the standard library,
/// so that a plugin may bring any runtime.
@main
struct LeatWorker {
    static func main() {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "launcher": exit(runLauncher())
        case "worker": exit(runWorker(arguments: arguments.dropFirst(2)))
        default: exit(refuse("leat-worker is started by leat; it does nothing by itself"))
        }
    }

    /// The exit status of a wrong start, as sysexits calls it.
    static let usageStatus: Int32 = 64

    static func refuse(_ sentence: String) -> Int32 {
        let line = sentence + "\n"
        _ = unsafe line.withCString { text in unsafe write(STDERR_FILENO, text, strlen(text)) }
        return usageStatus
    }
}
