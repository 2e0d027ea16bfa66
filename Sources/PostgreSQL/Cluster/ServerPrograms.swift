import Glibc

/// Where PostgreSQL's own programs are: under Debian's folder of versions, or where others put them.
struct ServerPrograms: Sendable {
    let folder: String

    var initdb: String { folder + "/initdb" }
    var postgres: String { folder + "/postgres" }

    /// Debian keeps one folder per version here.
    private static let versions = "/usr/lib/postgresql"
    /// Where other systems put them.
    private static let otherFolders = ["/usr/local/pgsql/bin", "/usr/pgsql/bin", "/usr/local/bin", "/usr/bin"]

    /// The highest version, or exactly the one that made a data directory, since no other can serve it.
    static func find(version: Int?) throws(PostgreSQLError) -> ServerPrograms {
        let byVersion = Files.names(in: versions).compactMap { Int($0) }.sorted(by: >)
        let wanted = byVersion.filter { version == nil || $0 == version }
        for folder in wanted.map({ "\(versions)/\($0)/bin" }) + otherFolders {
            let programs = ServerPrograms(folder: folder)
            if Files.isExecutable(programs.initdb), Files.isExecutable(programs.postgres) { return programs }
        }
        let package = version.map { "postgresql-\($0)" } ?? "postgresql"
        throw .cluster(reason: "initdb and postgres are not installed; install the package \(package).")
    }
}
