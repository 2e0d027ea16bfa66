package import EventModel

/// Keeps requests away from addresses that only this machine or its network can reach.
///
/// What a plugin or a configuration names must never open what lies behind the firewall, so nothing that is not a public
/// address is connected to unless the operator of the server allows its range.
package struct TargetGuard: Sendable {
    /// What the operator allows though it is not public.
    private let allowed: [AddressRange]

    package init(allowing allowed: [AddressRange] = []) { self.allowed = allowed }

    /// Lets requests go to this machine too: for measurements, whose receivers are here.
    package static let loopbackAllowed = TargetGuard(
        allowing: ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }
    )

    /// Nil when the address may be connected to, else what kind of address it is.
    package func objection(to address: IPAddress) -> String? {
        guard let special = Special.all.first(where: { $0.range.contains(address) }) else {
            // Of IPv6 only this much is given out for the public.
            guard address.family == .six, !Self.globalUnicast.contains(address), !isAllowed(address) else { return nil }
            return "reserved"
        }
        guard isAllowed(address) else { return special.kind }
        // A translator would connect to what is inside, so the inside must be allowed as well.
        guard let embedded = special.embeds?(address) else { return nil }
        return objection(to: embedded)
    }

    private func isAllowed(_ address: IPAddress) -> Bool { allowed.contains { $0.contains(address) } }

    /// Why a request to `host` is not sent, for whoever must act.
    package static func sentence(_ host: String, _ address: IPAddress, _ kind: String) -> String {
        let article = ["a", "e", "i", "o", "u"].contains(kind.prefix(1)) ? "an" : "a"
        let link = host == "\(address)" ? "\(address) is" : "\(host) leads to \(address),"
        return
            "\(link) \(article) \(kind) address, and such are not connected to; the operator of the server can allow "
            + "it: leat serve --allow-targets \(address), or LEAT_DELIVERY_ALLOW"
    }

    /// - Source: RFC 4291, section 2.4; IANA IPv6 Global Unicast Address Assignments.
    private static let globalUnicast = Special("2000::/3", "public").range
}

/// A range of addresses that are not, or not only, the public's.
///
/// - Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
private struct Special: Sendable {
    let range: AddressRange
    let kind: String
    /// The IPv4 address that such an address carries.
    var embeds: (@Sendable (IPAddress) -> IPAddress)?

    init(_ range: String, _ kind: String, _ embeds: (@Sendable (IPAddress) -> IPAddress)? = nil) {
        guard let known = AddressRange(range) else { preconditionFailure("\(range) is no range") }
        self.range = known
        self.kind = kind
        self.embeds = embeds
    }

    /// The narrower ranges first, since they say more.
    static let all: [Special] = four + six

    private static let four = [
        Special("169.254.169.254", "cloud metadata"), Special("168.63.129.16", "cloud metadata"),
        Special("100.100.100.200", "cloud metadata"), Special("192.0.0.192", "cloud metadata"),
        Special("0.0.0.0/8", "unspecified"), Special("10.0.0.0/8", "private"),
        Special("100.64.0.0/10", "carrier-grade NAT"), Special("127.0.0.0/8", "loopback"),
        Special("169.254.0.0/16", "link-local"), Special("172.16.0.0/12", "private"),
        Special("192.0.0.0/24", "protocol assignment"), Special("192.0.2.0/24", "documentation"),
        Special("192.88.99.0/24", "6to4 relay"), Special("192.168.0.0/16", "private"),
        Special("198.18.0.0/15", "benchmarking"), Special("198.51.100.0/24", "documentation"),
        Special("203.0.113.0/24", "documentation"), Special("224.0.0.0/4", "multicast"),
        Special("255.255.255.255", "broadcast"), Special("240.0.0.0/4", "reserved"),
    ]

    private static let six = [
        Special("fd00:ec2::254", "cloud metadata"), Special("fd20:ce::254", "cloud metadata"),
        Special("::", "unspecified"), Special("::1", "loopback"),
        Special("::ffff:0:0/96", "IPv4-mapped", low), Special("::/96", "IPv4-compatible", low),
        Special("::ffff:0:0:0/96", "IPv4-translated", low),
        Special("64:ff9b::/96", "NAT64", low), Special("64:ff9b:1::/48", "NAT64"),
        Special("100::/64", "discard-only"), Special("2001::/32", "Teredo") { .fourBits(~$0.bits) },
        Special("2001:2::/48", "benchmarking"), Special("2001::/23", "protocol assignment"),
        Special("2001:db8::/32", "documentation"), Special("3fff::/20", "documentation"),
        Special("2002::/16", "6to4") { .fourBits($0.bits >> 80) },
        Special("5f00::/16", "segment routing"), Special("fc00::/7", "unique local"),
        Special("fe80::/10", "link-local"), Special("fec0::/10", "site-local"), Special("ff00::/8", "multicast"),
    ]

    private static let low: @Sendable (IPAddress) -> IPAddress = { .fourBits($0.bits) }
}

extension IPAddress {
    fileprivate static func fourBits(_ bits: UInt128) -> IPAddress { IPAddress(.four, bits: bits & 0xffff_ffff) }
}
