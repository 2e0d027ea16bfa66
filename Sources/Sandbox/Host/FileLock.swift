import Glibc

/// The right to be the only one who uses something, held by an open file.
///
/// The kernel lets go when the process ends, however it ends, so a lock is never left behind.
///
/// - Source: flock(2).
package struct FileLock: ~Copyable, Sendable {
    private let descriptor: Int32

    /// Takes the lock and writes the process id into the file for people to read.
    ///
    /// - Throws: `FileLockError.held` with the holder's process id as it stands in the file; `.refused` when the file
    ///   cannot be opened.
    package init(path: String) throws(FileLockError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .refused(path: path, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.holder(descriptor)
            close(descriptor)
            throw .held(path: path, holder: holder)
        }
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = unsafe pwrite(descriptor, text, text.count, 0)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var text = [UInt8](repeating: 0, count: 16)
        let count = unsafe pread(descriptor, &text, text.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: text[..<count], as: UTF8.self).prefix { $0.isNumber })
    }
}

/// Why a lock could not be taken.
package enum FileLockError: Error, Equatable, CustomStringConvertible {
    case held(path: String, holder: Int32?)
    case refused(path: String, errno: Int32)

    package var description: String {
        switch self {
        case .held(let path, let holder): "\(path) is held by \(holder.map { "process \($0)" } ?? "another process")"
        case .refused(let path, let errno): "\(path) cannot be opened: \(unsafe String(cString: strerror(errno)))"
        }
    }
}
