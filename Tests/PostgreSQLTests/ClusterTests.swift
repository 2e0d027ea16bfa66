import Glibc
import Synchronization
import TestSupport
import Testing

@testable import PostgreSQL

@Suite(.serialized) struct ClusterTests {
    private func settings(_ folder: TemporaryFolder) -> ClusterSettings {
        PrivateServer.settings(in: folder, isDurable: true)
    }

    /// One statement on a session of its own.
    private func ask(_ cluster: Cluster, _ sql: String) async throws -> Rows {
        let session = try await Connection.open(cluster.connection)
        do {
            let rows = try await session.query(sql)
            await session.close()
            return rows
        } catch {
            await session.close()
            throw error
        }
    }

    @Test func `A server is made once, listens at its socket alone, and keeps its data`() async throws {
        let folder = TemporaryFolder()
        let first = Cluster(settings(folder))
        try await first.start()
        _ = try await ask(first, "CREATE TABLE kept AS SELECT 42 AS n")
        let settings = try await ask(
            first,
            """
            SELECT current_setting('listen_addresses'), current_setting('fsync'), current_setting('data_checksums'),
                current_setting('default_toast_compression'), current_setting('jit')
            """
        )
        #expect(try (0..<5).map { try settings[0].text($0) } == ["", "on", "on", "lz4", "off"])
        var status = stat()
        #expect(unsafe stat(folder.path + "/data", &status) == 0 && status.st_mode & 0o777 == 0o700)
        let pid = try #require(await first.processID)
        await first.stop()
        #expect(kill(pid, 0) == -1)

        let second = Cluster(self.settings(folder))
        try await second.start()
        let kept = try await ask(second, "SELECT n FROM kept")
        #expect(try kept[0].int(0) == 42)
        await second.stop()
    }

    @Test func `A second server on the same directory is refused with a sentence`() async throws {
        let folder = TemporaryFolder()
        let first = Cluster(settings(folder))
        try await first.start()
        let error = await #expect(throws: PostgreSQLError.self) { try await Cluster(settings(folder)).start() }
        #expect(error?.description.contains("another server already runs on") == true)
        await first.stop()
    }

    @Test func `A server that a killed program left behind is taken over, running`() async throws {
        let folder = TemporaryFolder()
        let directory = try ClusterDirectory(settings(folder))
        try directory.create()
        let left = try directory.start()
        let heir = Cluster(settings(folder))
        try await heir.start()
        let pid = await heir.processID
        #expect(pid == left.pid)
        // Whoever made the process must take its remains, or it would stay a zombie here.
        async let remains = OwnThread.run { () throws(PostgreSQLError) in left.waitForEnd(.seconds(30)) }
        await heir.stop()
        #expect(try await remains == 0)
        left.forget()
    }

    @Test func `A server left behind at another socket is stopped first`() async throws {
        let folder = TemporaryFolder()
        var elsewhere = settings(folder)
        elsewhere.socketDirectory = folder.path + "/elsewhere"
        let directory = try ClusterDirectory(elsewhere)
        try directory.create()
        let left = try directory.start()
        async let remains = OwnThread.run { () throws(PostgreSQLError) in left.waitForEnd(.seconds(30)) }
        let heir = Cluster(settings(folder))
        try await heir.start()
        #expect(try await remains == 0)
        let answer = try await ask(heir, "SELECT 1")
        #expect(try answer[0].int(0) == 1)
        await heir.stop()
        left.forget()
    }

    @Test func `A process that took the number of a dead server is left alone`() async throws {
        let folder = TemporaryFolder()
        let directory = try ClusterDirectory(settings(folder))
        try directory.create()
        let lines = "\(getpid())\n\(folder.path)/data\n0\n5432\n\(folder.path)/socket\n"
        let file = unsafe open(folder.path + "/data/postmaster.pid", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(unsafe write(file, lines, lines.utf8.count) == lines.utf8.count)
        close(file)
        let cluster = Cluster(settings(folder))
        try await cluster.start()
        let answer = try await ask(cluster, "SELECT 1")
        #expect(try answer[0].int(0) == 1)
        await cluster.stop()
    }

    @Test(.timeLimit(.minutes(2))) func `A server whose sessions outlive it is started once they are gone`()
        async throws
    {
        let folder = TemporaryFolder()
        let killed = Cluster(settings(folder))
        try await killed.start()
        let session = try await Connection.open(killed.connection)
        let outliving = try await session.query("SELECT pg_backend_pid()")[0].int(0)
        kill(Int32(outliving), SIGSTOP)
        kill(try #require(await killed.processID), SIGKILL)
        await killed.stop()
        let heir = Cluster(settings(folder))
        let log = settings(folder).logFile
        async let started: Void = heir.start()
        while Files.text(log)?.contains("pre-existing shared memory block") != true {
            try await Task.sleep(for: .milliseconds(20))
        }
        kill(Int32(outliving), SIGCONT)
        try await started
        let answer = try await ask(heir, "SELECT 1")
        #expect(try answer[0].int(0) == 1)
        await heir.stop()
        await session.close()
    }

    @Test(.timeLimit(.minutes(2))) func `A server that is killed is started again and recovers`() async throws {
        let folder = TemporaryFolder()
        let (events, report) = AsyncStream.makeStream(of: ClusterEvent.self)
        let cluster = Cluster(settings(folder)) { report.yield($0) }
        try await cluster.start()
        _ = try await ask(cluster, "CREATE TABLE kept AS SELECT 42 AS n")
        let pid = try #require(await cluster.processID)
        let watching = Task { try await cluster.run() }
        kill(pid, SIGKILL)
        var starts = 0
        for await event in events {
            if case .started = event { starts += 1 }
            if starts == 2 { break }
        }
        let kept = try await ask(cluster, "SELECT n FROM kept")
        #expect(try kept[0].int(0) == 42)
        watching.cancel()
        try await watching.value
        let ended = await cluster.processID
        #expect(ended == nil)
    }

    @Test(.timeLimit(.minutes(2))) func `A server that dies as soon as it is up is started less and less often`()
        async throws
    {
        let folder = TemporaryFolder()
        let (events, report) = AsyncStream.makeStream(of: ClusterEvent.self)
        let cluster = Cluster(settings(folder)) { report.yield($0) }
        try await cluster.start()
        // Ends with the test, which cancels it.
        let watching = Task { try await cluster.run() }
        kill(try #require(await cluster.processID), SIGKILL)
        let least = [200, 400, 800].map { Duration.milliseconds($0) }
        var pauses: [Duration] = []
        var died: ContinuousClock.Instant?
        for await event in events {
            if case .died = event { died = .now }
            guard case .started = event, let died else { continue }
            pauses.append(died.duration(to: .now))
            if pauses.count == least.count { break }
            kill(try #require(await cluster.processID), SIGKILL)
        }
        #expect(pauses.count == least.count)
        #expect(zip(pauses, least).allSatisfy { $0 >= $1 })
        watching.cancel()
        try await watching.value
        // Nothing of it keeps others away.
        let next = Cluster(settings(folder))
        try await next.start()
        await next.stop()
    }

    @Test func `A log that grew too long is moved aside`() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/growing"
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        #expect(unsafe write(file, "old", 3) == 3)
        Files.moveAside(path)
        #expect(unsafe write(file, "new", 3) == 3)
        close(file)
        #expect(Files.text(path) == "new")
        #expect(Files.text(path + ".1") == "old")
    }

    @Test func `A path too long for a socket and a missing account are refused with a sentence`() throws {
        let folder = TemporaryFolder()
        var long = settings(folder)
        long.socketDirectory = "/tmp/" + String(repeating: "x", count: 100)
        let error = #expect(throws: PostgreSQLError.self) { try ClusterDirectory(long) }
        #expect(error?.description.contains("too long") == true)
        var nobody = settings(folder)
        nobody.account = nil
        guard geteuid() == 0 else { return }
        let refusal = #expect(throws: PostgreSQLError.self) { try ClusterDirectory(nobody) }
        #expect(refusal?.description.contains("root") == true)
        var hidden = settings(folder)
        hidden.directory = folder.path + "/closed/data"
        #expect(unsafe mkdir(folder.path + "/closed", 0o700) == 0)
        let closed = #expect(throws: PostgreSQLError.self) { try ClusterDirectory(hidden).create() }
        #expect(closed?.description.contains("may not enter \(folder.path)/closed") == true)
    }
}
