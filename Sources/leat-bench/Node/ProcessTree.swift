import Foundation
import Glibc
import PostgreSQL

/// The processes that descend from one, and the CPU time that they have used.
struct ProcessTree {
    /// One process as `/proc/PID/stat` tells of it.
    private struct Entry {
        var name: String
        var parent: Int32
        /// Of it and of its children that have ended.
        var ticks: Int
    }

    private var entries: [Int32: Entry] = [:]

    /// Looks at all processes.
    init() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = Int32(name), let entry = Self.entry(of: process) else { continue }
            entries[process] = entry
        }
    }

    /// - Source: proc_pid_stat(5); the name stands in brackets and may hold anything.
    private static func entry(of process: Int32) -> Entry? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 14, let parent = Int32(fields[1]) else { return nil }
        return Entry(
            name: String(text[text.index(after: open)..<close]),
            parent: parent,
            ticks: fields[11...14].reduce(0) { $0 + (Int($1) ?? 0) }
        )
    }

    /// The process that began another.
    func parent(of process: Int32) -> Int32? { entries[process]?.parent }

    /// The CPU time of some processes and all that descend from them, as far as their names fit.
    /// - Unit: seconds.
    func cpu(of roots: Set<Int32>, where fits: (String) -> Bool = { _ in true }) -> Double {
        let ticks = entries.reduce(0) { sum, one in
            fits(one.value.name) && descends(one.key, from: roots) ? sum + one.value.ticks : sum
        }
        return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private func descends(_ process: Int32, from roots: Set<Int32>) -> Bool {
        var next = process
        while !roots.contains(next) {
            guard let parent = entries[next]?.parent, parent > 0 else { return false }
            next = parent
        }
        return true
    }
}

extension ConnectionPool {
    /// The process of the database that all its others descend from.
    func postmaster() async throws -> Int32 {
        let session = Int32(try await number("SELECT pg_backend_pid()::bigint"))
        return ProcessTree().parent(of: session) ?? session
    }
}
