package import EventModel

/// How many events a replay would send, as far as directories tell.
package struct ReplayCount: Equatable, Sendable {
    /// Events in its range.
    package var events: Int64 = 0
    /// Those that were looked at.
    package var looked: Int64 = 0
    /// Of these, those that its filter takes.
    package var wanted: Int64 = 0
    /// Where the first of them are.
    package var first: [(partition: PartitionID, position: LogPosition)] = []

    package init() {}

    /// Whether there was time to look at all.
    package var isExact: Bool { looked == events }

    /// How many there are of something in the whole range of which so many were found in what was looked at.
    package func estimate(of found: Int64) -> Int64 {
        isExact || looked == 0 ? found : Int64((Double(found) * Double(events) / Double(looked)).rounded())
    }

    package static func == (left: ReplayCount, right: ReplayCount) -> Bool {
        (left.events, left.looked, left.wanted) == (right.events, right.looked, right.wanted)
    }
}

extension EventLog {
    /// Directories that one statement of a count brings.
    private static let directoriesTogether = 256

    /// Counts the events of these stretches that `takes` wants, until the time is up: by their directories alone, or with
    /// their bodies where those are needed.
    ///
    /// The places of the first of them are noted, `samples` in all and spread over the partitions.
    package func count(
        _ stretches: [ReplayStretch],
        until deadline: ContinuousClock.Instant,
        samples: Int,
        withBodies needsBodies: Bool,
        _ takes: @Sendable ([DirectoryEntry], ChunkBodies?) -> [Bool]
    ) async throws(EventLogError) -> ReplayCount {
        var count = ReplayCount()
        count.events = stretches.reduce(0) { $0 + $1.end - $1.start.offset }
        let each = max(1, samples / max(1, stretches.count { $0.end > $0.start.offset }))
        for stretch in stretches {
            var position = stretch.start
            var noted = 0
            while position.offset < stretch.end, ContinuousClock.now < deadline {
                let found = try await pieces(of: stretch, from: position, needsBodies)
                // What is missing has left the log: a replay would count it as expired.
                if found.isEmpty { position.offset = stretch.end }
                for piece in found {
                    for (place, isWanted) in takes(piece.entries, piece.bodies).enumerated() where isWanted {
                        count.wanted += 1
                        guard noted < each, count.first.count < samples else { continue }
                        noted += 1
                        let offset = piece.firstOffset + Int64(place)
                        let at = LogPosition(offset: offset, sliceTime: piece.end.sliceTime)
                        count.first.append((stretch.partition, at))
                    }
                    position = piece.end
                }
            }
            count.looked += min(position.offset, stretch.end) - stretch.start.offset
        }
        return count
    }

    /// What a count knows of one chunk.
    private struct Piece {
        let firstOffset: Int64
        let end: LogPosition
        /// Empty where it is damaged.
        let entries: [DirectoryEntry]
        let bodies: ChunkBodies?
    }

    private func pieces(
        of stretch: ReplayStretch,
        from position: LogPosition,
        _ needsBodies: Bool
    ) async throws(EventLogError) -> [Piece] {
        if needsBodies {
            let chunks = try await readAside(stretch.partition, after: position)
            return chunks.filter { $0.firstOffset < stretch.end && $0.count > 0 }.map { chunk in
                Piece(
                    firstOffset: chunk.firstOffset,
                    end: chunk.end,
                    entries: chunk.entries,
                    bodies: try? chunk.bodies()
                )
            }
        }
        let found = try await directories(
            stretch.partition,
            from: position.offset,
            notBefore: position.sliceTime,
            below: stretch.end,
            limit: Self.directoriesTogether
        )
        return found.map { directory in
            let end = directory.firstOffset + Int64(directory.count)
            return Piece(
                firstOffset: directory.firstOffset,
                end: LogPosition(offset: end, sliceTime: directory.sliceTime),
                entries: directory.entries ?? [],
                bodies: nil
            )
        }
    }
}
