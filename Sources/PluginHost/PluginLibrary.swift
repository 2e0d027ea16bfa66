package import EventModel
import Synchronization

/// The plugin files that this node has in use: fetched from the store once, then kept as sealed memory.
package final class PluginLibrary: Sendable {
    /// Gives the bytes that are stored under a digest, or nil when there are none.
    package typealias Fetch = @Sendable (PluginDigest) async throws -> [UInt8]?

    private let fetch: Fetch
    private let mostBytes: Int
    private let shelf = Mutex(Shelf())

    private struct Shelf {
        var images: [PluginDigest: PluginImage] = [:]
        /// Least recently used first.
        var order: [PluginDigest] = []
    }

    package init(mostBytes: Int = PluginHostSettings().cachedFileBytes, fetch: @escaping Fetch) {
        self.mostBytes = mostBytes
        self.fetch = fetch
    }

    /// - Throws: `PluginError.missing` or `.noWorkers`.
    func image(_ digest: PluginDigest) async throws(PluginError) -> PluginImage {
        if let image = kept(digest) { return image }
        let bytes: [UInt8]?
        do {
            bytes = try await fetch(digest)
        } catch {
            throw .missing(digest, reason: "the store did not give it")
        }
        guard let bytes else { throw .missing(digest, reason: "the store does not have it") }
        let image = try PluginImage(bytes, digest: digest)
        keep(image, digest)
        return image
    }

    private func kept(_ digest: PluginDigest) -> PluginImage? {
        shelf.withLock { shelf in
            guard let image = shelf.images[digest] else { return nil }
            shelf.order.removeAll { $0 == digest }
            shelf.order.append(digest)
            return image
        }
    }

    private func keep(_ image: PluginImage, _ digest: PluginDigest) {
        shelf.withLock { shelf in
            shelf.images[digest] = image
            shelf.order.removeAll { $0 == digest }
            shelf.order.append(digest)
            var total = shelf.images.values.reduce(0) { $0 + $1.count }
            while total > mostBytes, shelf.order.count > 1 {
                let oldest = shelf.order.removeFirst()
                total -= shelf.images.removeValue(forKey: oldest)?.count ?? 0
            }
        }
    }
}
