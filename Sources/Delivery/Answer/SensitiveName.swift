/// Which headers and query parameters carry credentials, so that their values are never kept, whatever they are.
enum SensitiveName {
    /// What stands in a value's place.
    static let replacement = "•••"

    private static let words = [
        "auth", "cookie", "token", "secret", "password", "passwd", "credential", "signature", "session", "api-key",
        "apikey", "api_key", "access-key", "access_key", "accesskey", "private-key", "private_key",
    ]
    /// Names that are too short to be found inside others.
    private static let whole: Set<String> = [
        "key", "sig", "pass", "pwd", "x-key", "writekey", "write_key", "write-key",
    ]

    static func holds(_ name: some StringProtocol) -> Bool {
        let name = name.lowercased()
        return whole.contains(name) || words.contains { name.contains($0) }
    }
}
