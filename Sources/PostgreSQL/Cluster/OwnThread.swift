import Glibc

/// Runs one blocking job on a thread made for it, for work too rare to keep a thread.
enum OwnThread {
    private final class Job {
        let work: () -> Void
        init(_ work: @escaping () -> Void) { self.work = work }
    }

    static func run<Result: Sendable>(
        _ work: @escaping @Sendable () throws(PostgreSQLError) -> Result
    ) async throws(PostgreSQLError) -> Result {
        let outcome: Swift.Result<Result, PostgreSQLError> = await withCheckedContinuation { continuation in
            start {
                do throws(PostgreSQLError) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    /// Runs a job that nobody waits for.
    static func start(_ work: @escaping () -> Void) {
        var thread = pthread_t()
        let job = unsafe Unmanaged.passRetained(Job(work)).toOpaque()
        let failure = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().work()
                return nil
            },
            job
        )
        precondition(failure == 0, "no thread is left for a blocking call")
        pthread_detach(thread)
    }
}
