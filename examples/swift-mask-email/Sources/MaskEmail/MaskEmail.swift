import LeatSDK

/// Hides who wrote: `ada.lovelace@example.com` becomes `a***@example.com`.
struct MaskEmail: Transformation {
    private let paths: [Path]

    init(configuration: Configuration) throws {
        let names = configuration.strings("paths") ?? ["context.traits.email", "traits.email", "properties.email"]
        paths = names.map { Path($0) }
    }

    mutating func transform(_ event: inout Event) throws -> Verdict {
        for path in paths {
            guard let email = event.string(path), let at = email.lastIndex(of: "@") else { continue }
            event[path] = .string("\(email.prefix(1))***\(email[at...])")
        }
        return .keep
    }
}

/// Where the server begins.
@c(leat_plugin_entry_v1)
public func entry(_ host: UnsafeRawPointer?) -> UnsafeRawPointer? {
    Plugin.export(MaskEmail.self, id: "com.example.mask-email", version: "1.0.0", to: host)
}
