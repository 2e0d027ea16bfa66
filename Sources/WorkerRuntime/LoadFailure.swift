import WorkerProtocol

/// Why the plugin cannot run: a cause to count by, and a sentence for its author.
struct LoadFailure: Error {
    let cause: WorkerFailure
    let text: String
    /// What `create` returned, or 0.
    let status: Int32

    init(_ cause: WorkerFailure, _ text: String, status: Int32 = 0) {
        self.cause = cause
        self.text = text
        self.status = status
    }
}
