import Glibc

/// The few file calls that a private server needs.
enum Files {
    static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }
    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    static func names(in folder: String) -> [String] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Makes the folder, or makes an existing one private to its owner.
    static func makePrivateFolder(
        _ path: String,
        owner: (user: UInt32, group: UInt32)?
    ) throws(PostgreSQLError) {
        if unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
            throw .cluster(reason: "its folder \(path) cannot be made (\(reason(errno))).")
        }
        if let owner, unsafe chown(path, owner.user, owner.group) != 0 {
            throw .cluster(reason: "its folder \(path) cannot be given to its user (\(reason(errno))).")
        }
        if unsafe chmod(path, 0o700) != 0 {
            throw .cluster(reason: "its folder \(path) cannot be made private (\(reason(errno))).")
        }
    }

    /// The first folder above `path` that the account may not pass through; nil if it may pass all.
    static func closedFolder(on path: String, to account: (user: UInt32, group: UInt32)) -> String? {
        var folder = ""
        for name in path.split(separator: "/").dropLast() {
            folder += "/" + name
            var status = stat()
            guard unsafe stat(folder, &status) == 0 else { continue }
            let needed: mode_t =
                if status.st_uid == account.user { 0o100 } else if status.st_gid == account.group { 0o010 } else {
                    0o001
                }
            if status.st_mode & needed == 0 { return folder }
        }
        return nil
    }

    static func removeTree(_ path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            unsafe unlink(path)
            return
        }
        for name in names(in: path) { removeTree(path + "/" + name) }
        unsafe rmdir(path)
    }

    static func rename(_ old: String, to new: String) throws(PostgreSQLError) {
        guard unsafe Glibc.rename(old, new) == 0 else {
            throw .cluster(reason: "\(old) cannot be renamed (\(reason(errno))).")
        }
    }

    /// The whole of a small file.
    static func text(_ path: String, atMost limit: Int = 65_536, fromEnd: Bool = false) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if fromEnd { lseek(descriptor, max(0, off_t(size(path)) - off_t(limit)), SEEK_SET) }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = unsafe read(descriptor, &bytes, limit)
        guard count >= 0 else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    static func append(_ text: String, to path: String) throws(PostgreSQLError) {
        let descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cluster(reason: "\(path) cannot be written (\(reason(errno))).") }
        defer { close(descriptor) }
        let bytes = [UInt8](text.utf8)
        guard unsafe write(descriptor, bytes, bytes.count) == bytes.count else {
            throw .cluster(reason: "\(path) cannot be written (\(reason(errno))).")
        }
    }

    static func size(_ path: String) -> Int {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Moves what an appending process wrote to `path.1` and cuts the file, which that process keeps open.
    static func moveAside(_ path: String) {
        let old = unsafe open(path, O_RDWR | O_CLOEXEC)
        guard old >= 0 else { return }
        defer { close(old) }
        let new = unsafe open(path + ".1", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard new >= 0 else { return }
        defer { close(new) }
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(old, &block, block.count)
            guard count > 0, unsafe write(new, block, count) == count else { break }
        }
        ftruncate(old, 0)
    }

    static func reason(_ error: Int32) -> String {
        guard let text = unsafe strerror(error) else { return "error \(error)" }
        return unsafe String(cString: text)
    }
}
