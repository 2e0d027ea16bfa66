/// What the launcher tells a worker about how to seal itself.
///
/// It travels as program arguments, `name=number`.
package struct SandboxOrder: Equatable, Sendable {
    /// The process that must be alive for the worker to live.
    package var parent: Int32
    /// The user and group to become, or nil where the launcher has no right to change identity.
    package var identity: UInt32?
    /// Whether the launcher stands in a network namespace of its own, which the worker then shares.
    package var isOffNetwork: Bool
    package var limits: WorkerLimits

    package init(parent: Int32, identity: UInt32?, isOffNetwork: Bool, limits: WorkerLimits) {
        self.parent = parent
        self.identity = identity
        self.isOffNetwork = isOffNetwork
        self.limits = limits
    }

    package var arguments: [String] {
        var words = [
            "parent=\(parent)", "network=\(isOffNetwork ? 0 : 1)", "memory=\(limits.memoryBytes)",
            "cpu=\(limits.cpuSeconds)", "descriptors=\(limits.descriptors)", "threads=\(limits.threads)",
        ]
        if let identity { words.append("identity=\(identity)") }
        return words
    }

    /// Reads `arguments` back; nil when a word is unknown or missing.
    package init?(arguments: some Sequence<String>) {
        var numbers: [Substring: UInt64] = [:]
        for word in arguments {
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let number = UInt64(parts[1]) else { return nil }
            numbers[parts[0]] = number
        }
        guard let parent = numbers.removeValue(forKey: "parent"), let network = numbers.removeValue(forKey: "network"),
            let memory = numbers.removeValue(forKey: "memory"), let cpu = numbers.removeValue(forKey: "cpu"),
            let descriptors = numbers.removeValue(forKey: "descriptors"),
            let threads = numbers.removeValue(forKey: "threads"), let parent = Int32(exactly: parent)
        else { return nil }
        self.parent = parent
        identity = numbers.removeValue(forKey: "identity").flatMap { UInt32(exactly: $0) }
        isOffNetwork = network == 0
        limits = WorkerLimits(memoryBytes: memory, cpuSeconds: cpu, descriptors: descriptors, threads: threads)
        guard numbers.isEmpty else { return nil }
    }
}

/// How much of the machine one worker may take.
package struct WorkerLimits: Equatable, Sendable {
    /// Private memory, in bytes.
    package var memoryBytes: UInt64
    /// CPU time over the worker's life, in seconds.
    ///
    /// The kernel kills at the end of it; the host replaces a worker before.
    package var cpuSeconds: UInt64
    package var descriptors: UInt64
    /// Threads of the plugin.
    package var threads: UInt64

    package init(
        memoryBytes: UInt64 = 256 * 1024 * 1024,
        cpuSeconds: UInt64 = 30,
        descriptors: UInt64 = 64,
        threads: UInt64 = 16
    ) {
        self.memoryBytes = memoryBytes
        self.cpuSeconds = cpuSeconds
        self.descriptors = descriptors
        self.threads = threads
    }

    /// Address space on top of twice the private memory: libraries, stacks, the allocator's reservations, arenas.
    var addressSpaceBytes: UInt64 { memoryBytes * 2 + 512 * 1024 * 1024 }
}
