import Glibc
import Logging
import PostgreSQL

/// Ends the program when its orderly end takes longer than whoever asked for it would wait.
///
/// A database that hangs, instead of refusing, answers none of the last statements, and no client can call them off as
/// long as it hangs. What was answered is durable and what is unfinished is done again, so nothing is lost by going.
struct ShutdownLimit: Sendable {
    /// The private PostgreSQL, nil where there is none.
    let cluster: Cluster?
    /// How long everything may take but the private PostgreSQL.
    let services: Duration
    let logger: Logger

    /// How long the private PostgreSQL may take then; with 30 s for the rest both stay below the 90 seconds of systemd.
    private static let database = Duration.seconds(40)

    /// Lets the time run.
    func begin() {
        // Ends with the program.
        Task {
            try? await Task.sleep(for: services)
            logger.error("The server does not come to its end in order, as when the database hangs, and ends now.")
            guard let cluster else { _exit(1) }
            // What waits for the database ends with it.
            await cluster.stop()
        }
        // Ends with the program.
        Task {
            try? await Task.sleep(for: services + Self.database)
            _exit(1)
        }
    }
}
