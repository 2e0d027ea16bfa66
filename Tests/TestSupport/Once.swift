import Foundation

/// Makes each folder once, however many tests ask for it at a time.
actor Once {
    private var folders: [String: Task<URL, any Error>] = [:]

    func folder(of name: String, _ make: @escaping @Sendable () async throws -> URL) async throws -> URL {
        if let folder = folders[name] { return try await folder.value }
        // Ends with the program that makes it; everybody who asks for it waits for it.
        let making = Task { try await make() }
        folders[name] = making
        return try await making.value
    }
}
