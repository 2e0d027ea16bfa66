/// The whole environment of a worker; nothing is inherited.
package enum WorkerEnvironment {
    /// `NAME=value` words.
    ///
    /// Without `SWIFT_BACKTRACE` a trap would try to start a backtracer; one more arena per thread would reserve 64 MiB
    /// each; the rest makes a plugin's answer independent of the machine.
    package static let words: [String] = [
        "TZ=UTC", "LC_ALL=C.UTF-8", "HOME=/", "PATH=", "SWIFT_BACKTRACE=enable=no", "RUST_BACKTRACE=0",
        "GOTRACEBACK=none", "MALLOC_ARENA_MAX=2",
    ]
}
