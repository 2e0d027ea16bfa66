/// How a chunk's bodies are compressed; the raw value is stored.
package enum Codec: UInt8, Sendable, CaseIterable {
    /// Readable by SQL.
    case none = 0
    /// The default: fast on both sides.
    case lz4 = 1
    /// Smaller, for archives and slow disks.
    case zstd = 2
}
