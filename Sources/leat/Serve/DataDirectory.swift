import Foundation
import Sandbox

/// The folder in which a server keeps what is its own: the private database, its lock and its identity.
///
/// Holding the value is holding the folder: a second server on the same one is refused.
struct DataDirectory: ~Copyable {
    /// Absolute.
    let path: String
    /// A name that stays the same over restarts on this folder, so that a restarted node takes its own work back at once.
    let identity: String
    /// Held for the life of the process.
    private let lock: FileLock

    /// Makes the folder where it is missing, for its owner alone, and takes it.
    ///
    /// - Throws: `RuntimeError` when another server has it or it cannot be made.
    init(path given: String, owner: Account?) throws {
        let path = URL(filePath: given).standardizedFileURL.path
        let lock = try Self.take(path, owner: owner)
        let identity = try Self.identity(path + "/node-identity")
        for file in ["leat.lock", "node-identity"] { try owner?.own(path + "/" + file) }
        self.path = path
        self.identity = identity
        self.lock = lock
    }

    private static func take(_ path: String, owner: Account?) throws -> FileLock {
        do {
            try make(path, owner: owner)
            return try FileLock(path: path + "/leat.lock")
        } catch FileLockError.held(_, let holder) {
            throw RuntimeError(
                """
                Another leat server\(holder.map { " (process \($0))" } ?? "") uses \(path). Stop it first, or give this \
                one a folder of its own with --data-directory.
                """
            )
        } catch {
            throw RuntimeError("The data folder \(path) cannot be used: \(error)")
        }
    }

    /// Makes the folder and what is missing above it, for its owner alone; those above keep the rights of their parents.
    ///
    /// A folder that is there must be empty or ours: a slip of the pen must not give `/tmp` away.
    private static func make(_ path: String, owner: Account?) throws {
        let files = FileManager.default
        if files.fileExists(atPath: path) {
            // A disk of its own begins with a folder of the file system's.
            let names = try files.contentsOfDirectory(atPath: path).filter { $0 != "lost+found" }
            guard names.isEmpty || names.contains("leat.lock") else {
                throw RuntimeError("it holds other things; give a new or empty folder with --data-directory")
            }
        } else {
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try files.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        try owner?.own(path)
    }

    private static func identity(_ path: String) throws -> String {
        let kept = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        if let identity = UUID(uuidString: String(kept.prefix(36))) { return identity.uuidString.lowercased() }
        let made = UUID().uuidString.lowercased()
        try Data((made + "\n").utf8).write(to: URL(filePath: path), options: .atomic)
        return made
    }

    /// Where the data goes when nobody says otherwise.
    static func standardPath(environment: [String: String], isRoot: Bool) -> String {
        if isRoot { return "/var/lib/leat" }
        let share = environment["XDG_DATA_HOME"] ?? (environment["HOME"] ?? "/tmp") + "/.local/share"
        return share + "/leat"
    }
}
