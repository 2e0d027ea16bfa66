import PostgreSQL

/// What a round of upkeep begins with, as of one look.
struct Survey: Sendable {
    /// By PostgreSQL's clock, which rules the slices.
    /// - Unit: microseconds since 1970.
    private(set) var now: Int64 = 0
    private var tables: [String: SliceSurvey] = [:]
    /// Whether there are removed connections, whose lanes may have to end.
    private(set) var hasRemoved = false
    /// Whether there are closed generations that are not put away.
    private(set) var hasClosed = false

    init(_ rows: Rows) throws(PostgreSQLError) {
        for row in rows {
            let kind = try row.text(0)
            switch kind {
            case "now": now = try row.int8(3)
            case "removed": hasRemoved = true
            case "closed": hasClosed = true
            default:
                guard let slice = Slice(table: kind, name: try row.text(1)) else { continue }
                let (bytes, isMeasured) = (try row.int8(3), try row.bool(4))
                tables[kind, default: SliceSurvey()].add(slice, try row.text(2), bytes, isMeasured)
            }
        }
    }

    /// The slices of one table.
    subscript(table: String) -> SliceSurvey { (tables[table] ?? SliceSurvey()).sorted }
}

/// The slices of one table as they stand, each list from the oldest on.
struct SliceSurvey: Equatable, Sendable {
    /// One slice with what is known of its size.
    struct Entry: Equatable, Sendable {
        let slice: Slice
        let bytes: Int64
        let isMeasured: Bool
    }

    private(set) var attached: [Entry] = []
    /// Their detachment was begun and not ended.
    private(set) var leaving: [Slice] = []
    /// Tables of their own: not attached yet, or any more.
    private(set) var loose: [Slice] = []

    /// What a drop that was interrupted has left: tables of their own that are older than everything attached.
    var leftOver: [Slice] {
        guard let first = attached.first else { return [] }
        return loose.filter { $0.upper <= first.slice.lower }
    }

    fileprivate mutating func add(_ slice: Slice, _ state: String, _ bytes: Int64, _ isMeasured: Bool) {
        switch state {
        case "attached": attached.append(Entry(slice: slice, bytes: bytes, isMeasured: isMeasured))
        case "leaving": leaving.append(slice)
        default: loose.append(slice)
        }
    }

    fileprivate var sorted: SliceSurvey {
        var survey = self
        survey.attached.sort { $0.slice.lower < $1.slice.lower }
        survey.leaving.sort { $0.lower < $1.lower }
        survey.loose.sort { $0.lower < $1.lower }
        return survey
    }
}
