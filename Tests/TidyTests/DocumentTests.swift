import Testing

@Suite struct DocumentTests {
    @Test func `Every setting stands in the operator's table as it stands in the code`() throws {
        let code = try SourceTree.text("Sources/leat/Serve/Setting.swift")
        let rows = try SourceTree.text("docs/operations.md").split(separator: "\n").filter { $0.hasPrefix("| `") }
        let keys = code.matches(of: /key: "([a-z._]+)"/).map { String($0.1) }
        #expect(keys.count >= 8)
        for key in keys {
            let row = rows.first { $0.hasPrefix("| `\(key)` |") }
            #expect(row != nil, "docs/operations.md has no row for \(key)")
        }
        for meaning in code.matches(of: /meaning: "([^"]+)"/).map({ String($0.1) }) {
            #expect(rows.contains { $0.contains(meaning) }, "docs/operations.md does not say: \(meaning)")
        }
        for row in rows where row.contains("`LEAT_") {
            let key = row.split(separator: "`")[1]
            #expect(keys.contains(String(key)), "docs/operations.md tells of a setting that is none: \(key)")
        }
    }

    @Test func `Every metric stands in the operator's table, and no other`() throws {
        let table = try SourceTree.text("docs/operations.md")
        let channels: Set<String> = ["leat_append", "leat_catalog", "leat_lease", "leat_pace", "leat_schema"]
        var metrics: Set<String> = []
        for file in try SourceTree.files(in: ["Sources"], endings: [".swift"]) {
            for line in file.lines {
                metrics.formUnion(line.matches(of: /"(leat_[a-z_]+)"/).map { String($0.1) })
            }
        }
        metrics.subtract(channels)
        #expect(metrics.count >= 10)
        for metric in metrics.sorted() { #expect(table.contains("| `\(metric)` |"), "\(metric) is not documented") }
        for row in table.matches(of: /\| `(leat_[a-z_]+)` \|/) {
            #expect(metrics.contains(String(row.1)), "docs/operations.md tells of a metric that is none: \(row.1)")
        }
    }

    @Test func `Every statement stands in the table of statements, and no other`() throws {
        let page = try SourceTree.text("docs/statements.md")
        let listed = page.matches(of: /\n\| `([a-z_.]+)(…?)` \|/).map { (name: String($0.1), isFamily: !$0.2.isEmpty) }
        var sent: Set<String> = []
        for file in try SourceTree.files(in: ["Sources"], endings: [".swift"]) where file.target != "leat-bench" {
            let text = file.lines.joined(separator: "\n")
            sent.formUnion(text.matches(of: /Statement\(\s*"([a-z_.]+)"/).map { String($0.1) })
        }
        #expect(sent.count > 50)
        for name in sent.sorted() {
            let isListed = listed.contains { $0.isFamily ? name.hasPrefix($0.name) : name == $0.name }
            #expect(isListed, "docs/statements.md does not list \(name)")
        }
        for entry in listed {
            let isSent = sent.contains { entry.isFamily ? $0.hasPrefix(entry.name) : $0 == entry.name }
            #expect(isSent, "docs/statements.md lists \(entry.name), which nobody sends")
        }
    }

    @Test func `Every folder of Sources is on the map`() throws {
        let map = try SourceTree.text("docs/architecture.md")
        let folders = Set(try SourceTree.files(in: ["Sources"], endings: [".swift", ".h"]).map(\.target))
        for folder in folders.sorted() {
            #expect(map.contains("`\(folder)`"), "docs/architecture.md does not say what \(folder) owns")
        }
    }
}
