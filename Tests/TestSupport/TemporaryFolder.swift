import CLinux
import Glibc

/// A folder with a short path that vanishes, with the PostgreSQL server in it, when the test process ends in any way.
///
/// A small shell waits on a pipe whose other end only the test process holds: the end of the process, even by
/// `kill -9`, is the end of the pipe.
package final class TemporaryFolder: Sendable {
    package let path: String
    private let pipeEnd: Int32

    /// $1 is the folder; servers up to two levels below it have left their process ids in `postmaster.pid`.
    private static let script = """
        read _
        for f in "$1"/*/postmaster.pid "$1"/*/*/postmaster.pid; do
            [ -f "$f" ] || continue
            p=$(head -n 1 "$f")
            kill -QUIT "$p" 2>/dev/null
            n=0
            while kill -0 "$p" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
        done
        # A server that was just being made goes on making for a moment.
        [ -d "$1/data.new" ] && sleep 5
        rm -rf "$1"
        """

    package init() {
        var name = Array("/tmp/leat-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&name) != nil else { fatalError("no temporary folder can be made") }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The server runs as another user when we are root.
        unsafe chmod(path, 0o755)
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { fatalError("no pipe can be made") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        pipeEnd = ends[1]
        Self.startWatcher(of: path, readingFrom: ends[0])
        close(ends[0])
    }

    deinit { close(pipeEnd) }

    private static func startWatcher(of path: String, readingFrom end: Int32) {
        let nothing = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(nothing) }
        let arguments = unsafe copies(of: ["sh", "-c", script, "watcher", path])
        let environment = unsafe copies(of: ["PATH=/usr/bin:/bin"])
        defer { unsafe (arguments + environment).forEach { unsafe free($0) } }
        let failure = unsafe [end, nothing, nothing].withUnsafeBufferPointer { descriptors in
            unsafe "/bin/sh".withCString { shell in
                unsafe arguments.withUnsafeBufferPointer { arguments in
                    unsafe environment.withUnsafeBufferPointer { environment in
                        var request = unsafe leat_spawn_request()
                        unsafe request.path = unsafe shell
                        unsafe request.arguments = arguments.baseAddress
                        unsafe request.environment = environment.baseAddress
                        unsafe request.descriptors = descriptors.baseAddress
                        unsafe request.descriptor_count = 3
                        unsafe request.user = UInt32.max
                        unsafe request.group = UInt32.max
                        unsafe request.new_session = true
                        var pid: Int32 = 0
                        return unsafe leat_spawn(&request, &pid, nil)
                    }
                }
            }
        }
        guard failure == 0 else { fatalError("the watcher of a test's folder cannot be started") }
    }

    /// C strings of our own, with a null at the end of the list.
    private static func copies(of strings: [String]) -> [UnsafeMutablePointer<CChar>?] {
        unsafe strings.map { unsafe strdup($0) } + [nil]
    }
}
