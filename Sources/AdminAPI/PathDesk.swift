package import EventModel

/// What the admin interface asks about single events, each asked from whoever knows it.
package struct PathDesk: Sendable {
    package let path: @Sendable (PathQuestion) async throws -> EventPath
    /// Follows a user's events, or a message, for so long.
    package let follow: @Sendable (_ subject: String, _ duration: Duration, _ who: String) async throws -> Tracing
    package let unfollow: @Sendable (_ subject: String, _ who: String) async throws -> Void
    package let tracings: @Sendable () -> [Tracing]

    package init(
        path: @escaping @Sendable (PathQuestion) async throws -> EventPath,
        follow: @escaping @Sendable (_ subject: String, _ duration: Duration, _ who: String) async throws -> Tracing,
        unfollow: @escaping @Sendable (_ subject: String, _ who: String) async throws -> Void,
        tracings: @escaping @Sendable () -> [Tracing]
    ) {
        self.path = path
        self.follow = follow
        self.unfollow = unfollow
        self.tracings = tracings
    }
}
