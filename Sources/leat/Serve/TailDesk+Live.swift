import AdminAPI
import Pipeline

extension TailDesk {
    /// What passes the ingestion and the lanes of this node.
    static func live(node: String, _ hub: TailHub) -> TailDesk {
        TailDesk(node: node) { wish in
            do {
                guard let watcher = try hub.watch(wish) else { return .tooMany }
                return .watching { await watcher.next() }
            } catch {
                return .refused("\(error)")
            }
        }
    }
}
