/// One SQL statement with a name, prepared once on every connection that runs it.
///
/// The name is what logs, errors and statistics show, so that neither SQL text nor values ever leave this target.
package struct Statement: Sendable {
    /// - Shape: lower-case words joined by dots or underscores, unique per SQL text.
    package let name: String
    package let sql: String
    /// Whether the end of the asking task ends the statement.
    ///
    /// A write whose outcome somebody waits for says no: it would otherwise leave the outcome unknown.
    package let isCancellable: Bool
    /// How long the statement may take before it is cancelled on the server.
    package let timeout: Duration?
    /// Whether a warning counts as failure, as it must where a lost synchronous replica shows in nothing else.
    package let refusesWarnings: Bool

    package init(
        _ name: String,
        _ sql: String,
        isCancellable: Bool = true,
        timeout: Duration? = nil,
        refusesWarnings: Bool = false
    ) {
        self.name = name
        self.sql = sql
        self.isCancellable = isCancellable
        self.timeout = timeout
        self.refusesWarnings = refusesWarnings
    }
}
