import EventLog
import Foundation
import Sandbox

/// The short folder in which a server's sockets are, whatever the length of the path to its data.
///
/// A socket's path has room for 107 bytes only.
enum RuntimeDirectory {
    /// Makes the folder for the data at `dataPath` and returns its path.
    ///
    /// - Throws: `RuntimeError` when it cannot be made, or somebody else owns it.
    static func make(for dataPath: String, given: String?, owner: Account?, environment: [String: String]) throws
        -> String
    {
        let parent = given ?? standardParent(isRoot: owner != nil, environment: environment)
        try secure(parent, mode: owner == nil ? 0o700 : 0o755, owner: nil)
        let path = parent + "/" + digest(of: dataPath)
        try secure(path, mode: 0o700, owner: owner)
        return path
    }

    private static func standardParent(isRoot: Bool, environment: [String: String]) -> String {
        if isRoot { return "/run/leat" }
        if let session = environment["XDG_RUNTIME_DIR"], FileManager.default.isWritableFile(atPath: session) {
            return session + "/leat"
        }
        return "/tmp/leat-\(getuid())"
    }

    /// Makes a folder, or makes sure that the one that is there is a folder of ours: in `/tmp` anybody may have been
    /// quicker.
    private static func secure(_ path: String, mode: Int, owner: Account?) throws {
        let files = FileManager.default
        if !files.fileExists(atPath: path) {
            try files.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: mode]
            )
            try owner?.own(path)
        }
        let found = try files.attributesOfItem(atPath: path)
        let holder = (found[.ownerAccountID] as? NSNumber)?.uint32Value
        guard found[.type] as? FileAttributeType == .typeDirectory, holder == getuid() || holder == owner?.user else {
            throw RuntimeError("\(path) belongs to somebody else; name another folder with LEAT_RUNTIME_DIRECTORY.")
        }
    }

    /// A short name for a long path.
    private static func digest(of path: String) -> String { String(EventHash.key(path), radix: 16) }
}
