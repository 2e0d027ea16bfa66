import Foundation

/// The checkout that this test was built from, read as plain text.
enum SourceTree {
    /// The top folder, found from this file's own place in it.
    static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct File {
        /// Relative to the top folder, with `/`.
        let path: String
        let lines: [String]
        /// The target's folder name, the second part of the path.
        var target: String { String(path.split(separator: "/").dropFirst().first ?? "") }
    }

    /// Every file below `folders` whose name ends so; symbolic links are not followed.
    static func files(in folders: [String], endings: [String]) throws -> [File] {
        try folders.flatMap { folder -> [File] in
            let root = top.appending(path: folder)
            let names = try FileManager.default.subpathsOfDirectory(atPath: root.path)
            return try names.sorted().compactMap { name in
                let url = root.appending(path: name)
                let hidden = name.split(separator: "/").contains { $0.hasPrefix(".") }
                guard !hidden, endings.contains(where: name.hasSuffix), try isPlainFile(url, below: root) else {
                    return nil
                }
                let text = try String(contentsOf: url, encoding: .utf8)
                return File(path: folder + "/" + name, lines: text.components(separatedBy: "\n"))
            }
        }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: top.appending(path: path), encoding: .utf8)
    }

    /// False for anything reached through a link, so that a linked folder is read once, where it lives.
    private static func isPlainFile(_ url: URL, below root: URL) throws -> Bool {
        let attributes = try FileManager.default.attributesOfItem(atPath: url.path)
        return attributes[.type] as? FileAttributeType == .typeRegular
            && url.resolvingSymlinksInPath().path
                == root.resolvingSymlinksInPath()
                .appending(path: String(url.path.dropFirst(root.path.count + 1))).path
    }
}
