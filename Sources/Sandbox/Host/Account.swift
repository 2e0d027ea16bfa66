import CLinux
import Glibc

/// An unprivileged user of this machine, for a program that root started to become.
package struct Account: Sendable {
    package let name: String
    package let user: UInt32
    package let group: UInt32

    /// - Throws: `AccountError.unknown` when the machine has no such user, `.privileged` when it is root.
    package init(named name: String) throws(AccountError) {
        guard let entry = unsafe getpwnam(name) else { throw .unknown(name) }
        self.name = name
        user = unsafe entry.pointee.pw_uid
        group = unsafe entry.pointee.pw_gid
        guard user != 0 else { throw .privileged(name) }
    }

    /// Gives a file or a folder to this user.
    package func own(_ path: String) throws(AccountError) {
        guard unsafe chown(path, user, group) == 0 else { throw .refused("giving \(path) to \(name)", errno: errno) }
    }

    /// Makes the whole process, all its threads, this user for good.
    ///
    /// - Source: setresuid(2); glibc changes every thread of the process.
    package func become() throws(AccountError) {
        let result = leat_become(user, group)
        guard result == 0 else { throw .refused("becoming \(name)", errno: -result) }
    }
}

/// Why a process cannot be who it should be.
package enum AccountError: Error, Equatable, CustomStringConvertible {
    case unknown(String)
    case privileged(String)
    case refused(String, errno: Int32)

    package var description: String {
        switch self {
        case .unknown(let name):
            """
            There is no user '\(name)' on this machine. A server started as root becomes an unprivileged user: install \
            Debian's postgresql package, which brings one, or name another with LEAT_USER.
            """
        case .privileged(let name): "The user '\(name)' is root; name an unprivileged one with LEAT_USER."
        case .refused(let what, let errno): "\(what) failed: \(unsafe String(cString: strerror(errno)))"
        }
    }
}
