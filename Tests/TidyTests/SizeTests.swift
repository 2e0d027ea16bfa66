import Testing

@Suite struct SizeTests {
    @Test(arguments: [("Sources", 500), ("Plugins", 500), ("examples", 500), ("Tests", 700)])
    func `No source file is longer than one can keep in mind`(folder: String, most: Int) throws {
        for file in try SourceTree.files(in: [folder], endings: [".swift", ".c", ".h"]) {
            #expect(file.lines.count <= most + 1, "\(file.path) has \(file.lines.count) lines; look for a split")
        }
    }

    @Test func `The whole tree is read, and linked folders once`() throws {
        let paths = try SourceTree.files(in: ["Sources", "Tests"], endings: [".swift"]).map(\.path)
        #expect(paths.contains("Tests/TidyTests/SizeTests.swift"))
        #expect(paths.contains("Sources/EventModel/Limits.swift"))
        #expect(Set(paths).count == paths.count)
    }

    @Test func `No function is longer than seventy lines`() throws {
        for file in try SourceTree.files(in: ["Sources", "Plugins", "examples"], endings: [".swift"]) {
            for function in Functions.lengths(in: file.lines) {
                #expect(
                    function.length <= 70,
                    "\(file.path):\(function.line) is a function of \(function.length) lines; name its steps"
                )
            }
        }
    }

    @Test func `Nothing large is kept in the tree but the sample of events`() throws {
        let kept = try SourceTree.files(
            in: ["Sources", "Plugins", "Tests", "examples", "docs"],
            endings: [".swift", ".c", ".h", ".md", ".sql", ".json", ".py", ".html", ".yaml"]
        )
        for file in kept {
            let bytes = file.lines.reduce(0) { $0 + $1.utf8.count + 1 }
            #expect(bytes <= 200_000, "\(file.path) has \(bytes) bytes")
        }
    }
}

/// Where functions begin and end, by their braces; strings that hold braces are rare enough to live with.
private enum Functions {
    static func lengths(in lines: [String]) -> [(line: Int, length: Int)] {
        var found: [(line: Int, length: Int)] = []
        var index = 0
        while index < lines.count {
            if begins(lines[index]), let end = end(of: index, in: lines) {
                found.append((index + 1, end - index + 1))
            }
            index += 1
        }
        return found
    }

    private static func begins(_ line: String) -> Bool {
        let words = line.trimmingPrefix { $0 == " " }.split(separator: " ").prefix(6)
        guard let verb = words.firstIndex(where: { $0 == "func" || $0.hasPrefix("init(") || $0.hasPrefix("init<") })
        else {
            return false
        }
        return !words.prefix(upTo: verb).contains {
            $0.hasPrefix("//") || $0.contains("=") || $0.contains("(") && !$0.hasPrefix("@")
        }
    }

    private static func end(of start: Int, in lines: [String]) -> Int? {
        var depth = 0
        var opened = false
        for index in start..<min(lines.count, start + 400) {
            for character in lines[index] {
                if character == "{" {
                    depth += 1
                    opened = true
                } else if character == "}" {
                    depth -= 1
                }
            }
            if opened, depth <= 0 { return index }
            // A requirement in a protocol has no body.
            if !opened, index > start + 12 { return nil }
        }
        return nil
    }
}
