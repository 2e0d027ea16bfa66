/// Which chunk every event between a lane's position and its reading lies in, since a position in the log is an offset
/// and the time of its chunk.
struct ChunkTrail {
    private var chunks: [(first: Int64, time: Int64)] = []
    /// The time of the last chunk before the first one here.
    private var before: Int64

    init(before: Int64) { self.before = before }

    mutating func append(first: Int64, time: Int64) {
        if let last = chunks.last, last.first >= first { return }
        chunks.append((first, time))
    }

    /// The time of the chunk that holds `offset`, or of the last one before it; forgets all earlier ones.
    mutating func time(of offset: Int64) -> Int64 {
        let passed = (chunks.firstIndex { $0.first > offset } ?? chunks.count) - 1
        if passed > 0 {
            before = chunks[passed - 1].time
            chunks.removeFirst(passed)
        }
        return chunks.first.map { $0.first <= offset ? $0.time : before } ?? before
    }
}
