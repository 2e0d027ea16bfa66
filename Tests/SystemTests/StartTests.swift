import Foundation
import TestSupport
import Testing

/// How a server ends that is told to before it serves.
@Suite(.serialized, .timeLimit(.minutes(5))) struct StartTests {
    /// How far a start has come.
    enum Point: CaseIterable, Sendable {
        case databaseIsMade, databaseStarts, databaseIsReady

        func isReached(in data: String) -> Bool {
            let lock = try? String(contentsOfFile: data + "/postgresql/postmaster.pid", encoding: .utf8)
            switch self {
            case .databaseIsMade:
                // The folder has its name once it is made, which may have come between two looks.
                return ["postgresql.new", "postgresql"].contains {
                    FileManager.default.fileExists(atPath: "\(data)/\($0)/PG_VERSION")
                }
            case .databaseStarts: return lock != nil
            case .databaseIsReady: return lock?.contains("ready") == true
            }
        }
    }

    @Test(arguments: Point.allCases, [SIGTERM, SIGINT])
    func `A server that is ended while it starts leaves nothing running`(point: Point, signal: Int32) async throws {
        let folder = TemporaryFolder()
        let data = folder.path + "/data"
        let process = try ChildProcess(
            [Program.built("leat"), "serve", "--port", "0", "--data-directory", data],
            environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path]
        )
        defer { process.signal(SIGKILL) }
        let start = ContinuousClock.now + .seconds(100)
        while !point.isReached(in: data) {
            try #require(process.isRunning && ContinuousClock.now < start)
            try await Task.sleep(for: .milliseconds(1))
        }
        process.signal(signal)
        let end = ContinuousClock.now + .seconds(100)
        while process.isRunning, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(10)) }
        try #require(!process.isRunning, "the server did not hear the signal")
        #expect(await process.ended() == .exited(0))
        // What a program of PostgreSQL had started itself hears of its end a moment later.
        let bound = ContinuousClock.now + .seconds(30)
        while try !processes(in: folder.path).isEmpty, ContinuousClock.now < bound {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(try processes(in: folder.path).isEmpty)

        let next = try await ServerProcess.start(data: data)
        #expect(await next.stop() == 0)
    }

    /// The processes whose working directory is below `path`, as that of every process of a database is.
    private func processes(in path: String) throws -> [String] {
        let files = FileManager.default
        return try files.contentsOfDirectory(atPath: "/proc").filter { name in
            guard Int32(name) != nil else { return false }
            let folder = try? files.destinationOfSymbolicLink(atPath: "/proc/\(name)/cwd")
            return folder?.hasPrefix(path + "/") == true
        }
    }
}
