/// One table that is kept in slices of time.
struct SlicedTable: Sendable {
    let name: String
    /// - Unit: seconds.
    let length: Int64
    let ahead: Int64
}

/// One slice: a table that holds a stretch of time of another.
///
/// Its name holds its bounds in seconds since 1970, so nobody must parse what PostgreSQL says of bounds.
struct Slice: Hashable, Sendable {
    let table: String
    let lower: Int64
    let upper: Int64

    var name: String { "\(table)_\(lower)_\(upper)" }

    init(table: String, lower: Int64, upper: Int64) {
        self.table = table
        self.lower = lower
        self.upper = upper
    }

    init?(table: String, name: String) {
        let parts = name.dropFirst(table.count + 1).split(separator: "_")
        guard name.hasPrefix(table + "_"), parts.count == 2, let lower = Int64(parts[0]), let upper = Int64(parts[1])
        else { return nil }
        self.init(table: table, lower: lower, upper: upper)
    }

    /// The slices that are missing so that `ahead` of them lie beyond `now`; a first one reaches one length back, for
    /// clocks that are set back.
    static func missing(_ table: SlicedTable, existing: [Slice], now: Int64) -> [Slice] {
        var lower = existing.map(\.upper).max() ?? (now / table.length - 1) * table.length
        let end = (now / table.length + 1 + table.ahead) * table.length
        var missing: [Slice] = []
        // After a long pause the hole is closed in one piece.
        if now - lower > table.length * 4 {
            let upper = now / table.length * table.length
            missing.append(Slice(table: table.name, lower: lower, upper: upper))
            lower = upper
        }
        while lower < end {
            let upper = (lower / table.length + 1) * table.length
            missing.append(Slice(table: table.name, lower: lower, upper: upper))
            lower = upper
        }
        return missing
    }
}
