import CLeatPlugin
import CLinux
import Glibc
import WorkerProtocol

/// A plugin's shared library, mapped into this process for the rest of its life.
@safe struct PluginLibrary {
    private let handle: UnsafeMutableRawPointer

    /// Loads the file behind a descriptor; its constructors run here.
    ///
    /// - Throws: `LoadFailure` with the loader's own words.
    init(_ file: Int32) throws(LoadFailure) {
        guard let handle = unsafe leat_library_open(file) else {
            throw LoadFailure(.loadError, "the library cannot be loaded: \(Self.loaderWords())")
        }
        unsafe self.handle = handle
    }

    /// The entry function, which must be defined by this very library.
    func entry(_ name: String) throws(LoadFailure) -> leat_plugin_entry_v1_t {
        var address: UnsafeMutableRawPointer?
        let result = unsafe leat_library_function(handle, name, &address)
        guard result == 0, let address = unsafe address else {
            let problem =
                switch -result {
                case EXDEV: "lies in a library that the plugin depends on, not in the plugin"
                case ENOEXEC: "is not a function"
                default: "is not exported; it must be a function with default visibility and C linkage"
                }
            throw LoadFailure(.abiMismatch, "the entry symbol \(name) \(problem)")
        }
        return unsafe unsafeBitCast(address, to: leat_plugin_entry_v1_t.self)
    }

    private static func loaderWords() -> String {
        guard let words = unsafe leat_library_error() else { return "no reason given" }
        return unsafe String(cString: words)
    }
}
