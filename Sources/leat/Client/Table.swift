/// Rows under a head, each column as wide as its widest cell.
struct Table {
    enum Side { case left, right }

    private let columns: [(head: String, side: Side)]
    private var rows: [[String]] = []

    init(_ columns: (head: String, side: Side)...) { self.columns = columns }

    mutating func add(_ cells: String...) { rows.append(cells) }

    var isEmpty: Bool { rows.isEmpty }

    /// Lines without spaces at their ends.
    var lines: [String] {
        let all = [columns.map(\.head)] + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = columns.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return columns[column].side == .left ? row[column] + padding : padding + row[column]
            }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// Shows the rows, or one sentence when there are none.
    func show(orSay nothing: String) {
        guard !rows.isEmpty else { return Terminal.line(nothing) }
        for line in lines { Terminal.line(line) }
    }
}
