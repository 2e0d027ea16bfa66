import CLinux
package import EventModel

/// What a resolver says of a name.
package enum LookupAnswer: Equatable, Sendable {
    /// At least one.
    case addresses([IPAddress])
    /// The name has no address.
    case none
    /// It could not be found out, which may be otherwise a moment later.
    case failed
}

/// The system's resolver, with everything that `/etc/nsswitch.conf` names.
package enum SystemLookup {
    /// More addresses than this of one name are not looked at.
    private static let maximumAddresses = 64

    /// Blocks for as long as the resolver takes.
    package static func ask(_ name: String) -> LookupAnswer {
        var found = [leat_address](repeating: leat_address(), count: maximumAddresses)
        let count = unsafe leat_resolve(name, &found, CInt(maximumAddresses))
        guard count != 0 else { return .none }
        guard count > 0 else { return .failed }
        return .addresses(
            found.prefix(Int(count)).map { address in
                IPAddress(address.is_six ? .six : .four, bits: UInt128(address.high) << 64 | UInt128(address.low))
            }
        )
    }
}
