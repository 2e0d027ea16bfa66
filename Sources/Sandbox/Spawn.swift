import CLinux
import Glibc

/// A program to start: by path, or by a descriptor of it.
package struct Spawn {
    /// How the program is found.
    package enum Program: Sendable {
        case path(String)
        /// An open descriptor, which needs no path and no right to walk one.
        case descriptor(Int32)
    }

    package var program: Program
    package var arguments: [String]
    /// The whole environment, as `NAME=value`.
    package var environment: [String]
    /// Entry `i` becomes the program's descriptor `i`; all others are closed.
    package var descriptors: [Int32]
    /// User and group to run as, or nil for the caller's.
    package var identity: (user: UInt32, group: UInt32)?
    /// Where it starts; nil for the caller's working directory.
    package var directory: String?

    package init(
        _ program: Program,
        arguments: [String],
        environment: [String] = WorkerEnvironment.words,
        descriptors: [Int32],
        identity: (user: UInt32, group: UInt32)? = nil
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.descriptors = descriptors
        self.identity = identity
    }

    /// Starts the program in a session of its own.
    ///
    /// It copies none of the caller's memory, so it is safe and quick while the caller has threads.
    ///
    /// - Throws: `SpawnError` with the number of whatever failed, exec included.
    package func start() throws(SpawnError) -> Int32 {
        var pid: Int32 = 0
        let result = unsafe withCWords(arguments) { arguments in
            unsafe withCWords(environment) { environment in
                unsafe start(arguments, environment, &pid)
            }
        }
        guard result >= 0 else { throw SpawnError(errno: -result) }
        return pid
    }

    private func start(_ arguments: CWords, _ environment: CWords, _ pid: inout Int32) -> Int32 {
        var path: [CChar] = []
        let directory = directory.map { Array($0.utf8CString) } ?? []
        var request = unsafe leat_spawn_request()
        switch program {
        case .path(let text): path = Array(text.utf8CString)
        case .descriptor(let descriptor): unsafe request.executable = descriptor
        }
        unsafe request.descriptor_count = UInt32(descriptors.count)
        unsafe request.user = identity?.user ?? .max
        unsafe request.group = identity?.group ?? .max
        unsafe request.new_session = true
        unsafe request.arguments = arguments
        unsafe request.environment = environment
        return unsafe path.withUnsafeBufferPointer { path in
            unsafe descriptors.withUnsafeBufferPointer { descriptors in
                unsafe directory.withUnsafeBufferPointer { directory in
                    unsafe request.path = path.isEmpty ? nil : path.baseAddress
                    unsafe request.descriptors = descriptors.baseAddress
                    unsafe request.directory = directory.isEmpty ? nil : directory.baseAddress
                    return unsafe leat_spawn(&request, &pid, nil)
                }
            }
        }
    }
}

/// A program that could not be started.
package struct SpawnError: Error, CustomStringConvertible {
    package let errno: Int32
    package var description: String { "a program could not be started: \(unsafe String(cString: strerror(errno)))" }
}

private typealias CWords = UnsafePointer<UnsafeMutablePointer<CChar>?>

/// Gives `body` a NULL-terminated list of C strings for the length of the call.
private func withCWords<Result>(_ words: [String], _ body: (CWords) -> Result) -> Result {
    var pointers = unsafe words.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { for index in words.indices { unsafe free(pointers[index]) } }
    return unsafe pointers.withUnsafeBufferPointer { pointers in
        guard let base = pointers.baseAddress else { fatalError("an array with an element has an address") }
        return unsafe body(base)
    }
}
