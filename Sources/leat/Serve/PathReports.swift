import AdminAPI
import Catalog
import Pipeline

extension PathDesk {
    /// Asks the pipeline for ways, and the catalog for those who are followed.
    static func live(catalog: Catalog, pipeline: Pipeline) -> PathDesk {
        PathDesk(
            path: { try await pipeline.paths.path($0) },
            follow: { try await catalog.follow($0, for: $1, by: $2) },
            unfollow: { try await catalog.unfollow($0, by: $1) },
            tracings: { catalog.current.tracings }
        )
    }
}
