import CLinux

/// What the host keeps from everybody who runs as its user.
package enum OwnMemory {
    /// Forbids other processes of the same user to read this one's memory and environment, where secrets are.
    ///
    /// Where a plugin's worker has no user of its own it shares ours.
    package static func hide() { _ = leat_not_dumpable() }
}
