package import EventModel

/// Why an uploaded file is not taken as a plugin.
///
/// Each says what the author can do.
package enum PluginFileError: ClassifiedError, Equatable {
    case tooLarge(bytes: Int)
    case notELF
    case truncated(String)
    case wrongClass(String)
    case wrongOrder
    case wrongMachine(file: String, host: String)
    case notShared
    case damaged(String)
    case segmentTooLarge(bytes: UInt64)
    case writableCode
    case executableStack
    case loaderFeature(String)
    case dependencyNotAllowed(String)
    case noEntry(String)
    case entryIsNoFunction(String)

    package var code: String {
        switch self {
        case .tooLarge: "file_too_large"
        case .notELF: "not_elf"
        case .truncated: "truncated"
        case .wrongClass: "wrong_class"
        case .wrongOrder: "wrong_byte_order"
        case .wrongMachine: "wrong_arch"
        case .notShared: "not_shared_object"
        case .damaged: "damaged"
        case .segmentTooLarge: "segment_too_large"
        case .writableCode: "writable_code"
        case .executableStack: "executable_stack"
        case .loaderFeature: "loader_feature"
        case .dependencyNotAllowed: "dependency_not_allowed"
        case .noEntry: "no_entry"
        case .entryIsNoFunction: "entry_is_no_function"
        }
    }

    package var disposition: Disposition { .bury }

    package var description: String {
        switch self {
        case .tooLarge(let bytes):
            "the file has \(bytes) bytes; \(PluginFile.mostBytes) are allowed: strip it, or leave Foundation out"
        case .notELF: "the file is no ELF library: build the plugin as a shared library for Linux"
        case .truncated(let what): "the file is cut off (\(what)): upload it again"
        case .wrongClass(let what): "the file is \(what): build it for 64 bit"
        case .wrongOrder: "the file is big-endian: build it for this machine"
        case .wrongMachine(let file, let host): "the file is for \(file) and this server runs on \(host)"
        case .notShared: "the file is no shared library: link it with -shared, or as a dynamic library product"
        case .damaged(let what): "the file is damaged: \(what)"
        case .segmentTooLarge(let bytes): "the file asks for \(bytes) bytes of memory, which is too much"
        case .writableCode: "the file has memory that is both writable and executable"
        case .executableStack: "the file asks for an executable stack: link it with -Wl,-z,noexecstack"
        case .loaderFeature(let what): "the file asks the loader for \(what): compile it with -fPIC"
        case .dependencyNotAllowed(let name): "the file needs the library '\(name)' by its path"
        case .noEntry(let name): "the file does not export the function '\(name)'"
        case .entryIsNoFunction(let name): "the symbol '\(name)' of the file is no function of its own"
        }
    }
}
