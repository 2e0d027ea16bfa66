import ServiceLifecycle

/// Anything that runs until it is cancelled, as a member of the service group.
///
/// - Shape: `run` ends soon after its task is cancelled and does its last work then.
struct LongLived: Service {
    private let body: @Sendable () async throws -> Void

    init(_ body: @escaping @Sendable () async throws -> Void) { self.body = body }

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await body() }
    }
}

/// Work that belongs to the end of the server only, at its place in the order.
struct LastWork: Service {
    private let body: @Sendable () async -> Void

    init(_ body: @escaping @Sendable () async -> Void) { self.body = body }

    func run() async throws {
        try? await gracefulShutdown()
        await body()
    }
}

/// What comes in several parts, each of which sees for itself that it ends when the server is to end.
struct Phases: Service {
    private let body: @Sendable () async throws -> Void

    init(_ body: @escaping @Sendable () async throws -> Void) { self.body = body }

    func run() async throws { try await body() }
}
