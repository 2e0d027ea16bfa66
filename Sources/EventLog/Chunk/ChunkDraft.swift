package import EventModel

/// Events of one partition on their way into the log.
package struct ChunkDraft: Sendable {
    package let partition: PartitionID
    package private(set) var entries: [DirectoryEntry] = []
    /// The bodies, one after the other.
    package private(set) var bodies: [UInt8] = []

    package init(partition: PartitionID) { self.partition = partition }

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }
    /// The bodies' length so far, in bytes.
    package var byteCount: Int { bodies.count }

    /// Adds one event; `entry.length` is set from the bytes.
    package mutating func append(_ entry: DirectoryEntry, _ bytes: [UInt8]) {
        var entry = entry
        let start = bodies.count
        bodies.append(contentsOf: bytes)
        entry.length = UInt32(bodies.count - start)
        entries.append(entry)
    }

    /// Adds the events of another draft of the same partition behind these.
    package mutating func append(_ other: ChunkDraft) {
        precondition(other.partition == partition, "events of another partition")
        entries.append(contentsOf: other.entries)
        bodies.append(contentsOf: other.bodies)
    }

    package mutating func reserve(events: Int, bytes: Int) {
        entries.reserveCapacity(events)
        bodies.reserveCapacity(bytes)
    }

    /// The payload as stored.
    package func encode(_ codec: Codec = .lz4) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(ChunkHead.size + entries.count * DirectoryEntry.size + bodies.count)
        encode(codec, into: &out)
        return out
    }

    /// Appends the payload to `out` and gives the codec that was used.
    @discardableResult
    func encode(_ codec: Codec, into out: inout [UInt8]) -> Codec {
        let start = out.count
        out.append(contentsOf: [0x4C, 0x43, ChunkHead.version, codec.rawValue])
        out.appendLittleEndian(UInt32(entries.count))
        out.appendLittleEndian(UInt32(bodies.count))
        out.append(contentsOf: repeatElement(0, count: ChunkHead.size - 12))
        for entry in entries { entry.encode(into: &out) }
        let bodyStart = out.count
        let used = Compression.compress(bodies, with: codec, into: &out)
        out[start + 3] = used.rawValue
        out.set(UInt32(out.count - bodyStart), at: start + 12)
        out.set(EventHash.key(out[bodyStart...]), at: start + 24)
        out.set(ChunkHead.directoryHash(out, from: start, end: bodyStart), at: start + 16)
        return used
    }
}

extension [UInt8] {
    fileprivate mutating func set(_ value: some FixedWidthInteger, at place: Int) {
        for index in 0..<value.bitWidth / 8 {
            self[place + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
        }
    }
}
