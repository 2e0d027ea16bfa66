import Glibc

/// Where PostgreSQL's own programs are: the highest version under Debian's folder, or those on the path.
struct ServerPrograms: Sendable {
    let folder: String

    var initdb: String { folder + "/initdb" }
    var postgres: String { folder + "/postgres" }

    /// Debian keeps one folder per version here.
    private static let versions = "/usr/lib/postgresql"
    /// Where other systems put them.
    private static let otherFolders = ["/usr/local/pgsql/bin", "/usr/pgsql/bin", "/usr/local/bin", "/usr/bin"]

    static func find() throws(PostgreSQLError) -> ServerPrograms {
        let byVersion = Files.names(in: versions).compactMap { Int($0) }.sorted(by: >)
        for folder in byVersion.map({ "\(versions)/\($0)/bin" }) + otherFolders {
            let programs = ServerPrograms(folder: folder)
            if Files.isExecutable(programs.initdb), Files.isExecutable(programs.postgres) { return programs }
        }
        throw .cluster(reason: "initdb and postgres are not installed; install the package postgresql.")
    }
}
