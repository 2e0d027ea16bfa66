import CLinux
import Glibc
import Sandbox
import Testing

@Suite struct SandboxOrderTests {
    @Test func `An order to seal survives its way as arguments`() {
        for identity in [nil, 59_001] as [UInt32?] {
            let order = SandboxOrder(parent: 7, identity: identity, isOffNetwork: true, limits: WorkerLimits())
            #expect(SandboxOrder(arguments: order.arguments) == order)
            #expect(SandboxOrder(arguments: order.arguments + ["surprise=1"]) == nil)
            #expect(SandboxOrder(arguments: order.arguments.dropFirst()) == nil)
        }
    }

    @Test func `The profile is the strongest whose steps all hold`() {
        #expect(SandboxReport([.filter, .network, .identity]).profile == .jail)
        #expect(SandboxReport([.filter, .network]).profile == .userNamespace)
        #expect(SandboxReport([.filter, .identity]).profile == .filter)
        #expect(SandboxReport([.network, .identity]).profile == .none)
        #expect(SandboxReport.Profile.none < .filter && .filter < .userNamespace && .userNamespace < .jail)
    }

    @Test func `Each step has a mark and a name of its own, and the filter is last`() {
        #expect(Set(Sandbox.steps.map(\.name)).count == Sandbox.steps.count)
        #expect(Sandbox.steps.last?.name == "system call filter")
    }
}

@Suite struct OpenFilesTests {
    @Test func `A process takes as many open files as it is left, however few it began with`() throws {
        var limit = rlimit()
        #expect(unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        // One less is enough to see, and hurts nobody.
        limit.rlim_cur = limit.rlim_max - 1
        #expect(unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(OpenFiles.raise() == Int(limit.rlim_max))
        var raised = rlimit()
        #expect(unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0)
        #expect(raised.rlim_cur == limit.rlim_max)
    }
}

@Suite struct SpawnTests {
    /// What a shell wrote to descriptor 1, and how it ended.
    private func run(_ script: String, environment: [String] = []) throws -> String {
        var ends: [Int32] = [-1, -1]
        #expect(unsafe leat_pipe(&ends) == 0)
        let nothing = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        let pid = try Spawn(
            .path("/bin/sh"),
            arguments: ["sh", "-c", script],
            environment: environment,
            descriptors: [nothing, ends[1], ends[1]]
        ).start()
        close(ends[1])
        close(nothing)
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe read(ends[0], &bytes, bytes.count)
        close(ends[0])
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    @Test func `A program gets its arguments, its environment and its descriptors and nothing else`() throws {
        let leak = unsafe open("/dev/null", O_RDONLY)
        defer { close(leak) }
        #expect(try run("echo $LEAT_WORD; ls /proc/self/fd | wc -l", environment: ["LEAT_WORD=yes"]) == "yes\n4\n")
        #expect(
            try run("ps -o sid= -p $$ >/dev/null 2>&1; [ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leads")
                == "leads\n"
        )
    }

    @Test func `What cannot be started says why and leaves no child`() {
        let error = #expect(throws: SpawnError.self) {
            try Spawn(.path("/nonexistent"), arguments: ["x"], descriptors: []).start()
        }
        #expect(error?.errno == ENOENT)
    }
}

@Suite struct MemoryFileTests {
    @Test func `Sealed input can still be written by whoever mapped it before, and by nobody after`() {
        let file = unsafe leat_memory_file("leat-test", 4_096)
        defer { close(file) }
        let mine = unsafe mmap(nil, 4_096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        #expect(leat_seal_for_reading(file) == 0)
        unsafe mine?.storeBytes(of: 7, as: UInt8.self)
        #expect(unsafe mmap(nil, 4_096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED)
        #expect(ftruncate(file, 0) == -1 && ftruncate(file, 8_192) == -1)
        #expect(leat_seal_size(file) == -EPERM)
        unsafe munmap(mine, 4_096)
    }

    @Test func `Sealed output keeps its size and sealed content keeps all`() {
        let output = unsafe leat_memory_file("leat-test", 4_096)
        let content = unsafe leat_memory_file("leat-test", 4_096)
        defer {
            close(output)
            close(content)
        }
        #expect(leat_seal_size(output) == 0 && ftruncate(output, 0) == -1)
        #expect(unsafe write(output, "x", 1) == 1)
        #expect(leat_seal_content(content) == 0)
        #expect(unsafe write(content, "x", 1) == -1)
    }
}

@Suite struct DescriptorTests {
    private func pair() -> [Int32] {
        var ends: [Int32] = [-1, -1]
        #expect(unsafe leat_socket_pair(&ends) == 0)
        return ends
    }

    @Test func `A message arrives whole with its descriptors, and ends say so`() {
        let ends = pair()
        let counter = leat_event_counter()
        #expect(unsafe leat_send(ends[0], "hello", 5, [counter], 1) == 5)
        var bytes = [UInt8](repeating: 0, count: 16)
        var received: [Int32] = [-1, -1]
        var count: UInt32 = 2
        #expect(unsafe leat_receive(ends[1], &bytes, 16, &received, &count, false) == 5)
        #expect(count == 1 && fcntl(received[0], F_GETFD) == FD_CLOEXEC)
        #expect(unsafe leat_receive(ends[1], &bytes, 16, nil, nil, false) == -EAGAIN)
        close(received[0])
        close(counter)
        close(ends[0])
        #expect(unsafe leat_receive(ends[1], &bytes, 16, nil, nil, false) == 0)
        close(ends[1])
    }

    @Test func `A message that is too long or brings what nobody asked for is refused`() {
        let ends = pair()
        let counter = leat_event_counter()
        var bytes = [UInt8](repeating: 0, count: 4)
        #expect(unsafe leat_send(ends[0], "hello", 5, nil, 0) == 5)
        #expect(unsafe leat_receive(ends[1], &bytes, 4, nil, nil, false) == -EPROTO)
        #expect(unsafe leat_send(ends[0], "hi", 2, [counter], 1) == 2)
        #expect(unsafe leat_receive(ends[1], &bytes, 4, nil, nil, false) == -EPROTO)
        for end in ends { close(end) }
        close(counter)
    }
}
