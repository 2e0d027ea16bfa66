package import EventModel

/// Where the requests of one plugin may go.
///
/// This is the one gate that every address passes before a request is sent, so the guard against private networks
/// stands here too, beside the manifest's list.
package struct TargetPolicy: Equatable, Sendable {
    /// One entry of the manifest's `permissions.http`.
    package struct Pattern: Equatable, Sendable {
        /// Nil for any of the two.
        let scheme: TargetAddress.Scheme?
        /// A name, `*.` and a name, or `*`.
        let host: String
        /// Nil for any port if the scheme is open, else the scheme's own.
        let port: Int?
        let pathPrefix: String

        /// - Shape: `scheme://host[:port][/path-prefix]`; scheme and host may be `*`, a host may begin with `*.`.
        package init?(_ text: String) {
            guard let mark = text.firstRange(of: "://") else { return nil }
            let schemeName = text[..<mark.lowerBound]
            let rest = text[mark.upperBound...]
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            var authority = rest[..<slash]
            var port: Int?
            if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
                let digits = authority[authority.index(after: colon)...]
                guard digits == "*" || Int(digits).map({ (1...65_535).contains($0) }) == true else { return nil }
                port = digits == "*" ? 0 : Int(digits)
                authority = authority[..<colon]
            }
            scheme = TargetAddress.Scheme(rawValue: String(schemeName))
            guard scheme != nil || schemeName == "*", !authority.isEmpty else { return nil }
            host = authority.lowercased().trimming(["[", "]"])
            let isOpen = host == "*" && port == nil
            self.port = port == 0 || isOpen ? nil : port ?? scheme?.port
            pathPrefix = String(rest[slash...])
        }

        func admits(_ address: TargetAddress) -> Bool {
            (scheme == nil || scheme == address.scheme) && (port == nil || port == address.port)
                && admits(host: address.host) && address.path.hasPrefix(pathPrefix)
                && (pathPrefix.isEmpty || !address.path.contains("/.."))
        }

        private func admits(host name: String) -> Bool {
            if host == "*" { return true }
            guard host.hasPrefix("*.") else { return host == name }
            return name.hasSuffix(host.dropFirst()) && name.utf8.count > host.utf8.count - 1
        }
    }

    /// Nil admits every address.
    let allowed: [Pattern]?

    package init(allowed: [Pattern]?) { self.allowed = allowed }

    /// Admits every address: for destinations whose address only the operator gives.
    package static let open = TargetPolicy(allowed: nil)

    package func check(_ address: TargetAddress) throws(DeliveryError) {
        guard let allowed, !allowed.contains(where: { $0.admits(address) }) else { return }
        throw .notPermitted(host: address.host)
    }
}

extension String {
    fileprivate func trimming(_ characters: Set<Character>) -> String {
        var text = self[...]
        while let first = text.first, characters.contains(first) { text.removeFirst() }
        while let last = text.last, characters.contains(last) { text.removeLast() }
        return String(text)
    }
}
