/// Which steps of the seal hold in a worker.
///
/// It travels as a number, so the bits keep their meaning.
package struct SandboxReport: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let descriptors = SandboxReport(rawValue: 1 << 0)
    package static let limits = SandboxReport(rawValue: 1 << 1)
    /// No interface and no route: the worker stands in a network namespace without any.
    package static let network = SandboxReport(rawValue: 1 << 2)
    package static let privileges = SandboxReport(rawValue: 1 << 3)
    package static let narrowed = SandboxReport(rawValue: 1 << 4)
    /// A user of its own, which no other worker has.
    package static let identity = SandboxReport(rawValue: 1 << 5)
    package static let capabilities = SandboxReport(rawValue: 1 << 6)
    package static let parent = SandboxReport(rawValue: 1 << 7)
    package static let undumpable = SandboxReport(rawValue: 1 << 8)
    package static let filter = SandboxReport(rawValue: 1 << 9)

    /// The profile in one word, as logs, metrics and execution records show it.
    package var profile: Profile {
        if contains([.network, .identity, .filter]) { return .jail }
        if contains([.network, .filter]) { return .userNamespace }
        return contains(.filter) ? .filter : .none
    }

    /// How far a worker is shut in.
    package enum Profile: String, Sendable, Comparable, CaseIterable {
        /// Not at all: such a worker takes no plugin.
        case none
        /// By the system call filter and limits, as the host's own user.
        case filter
        /// In namespaces, as the host's own user.
        case userNamespace = "userns"
        /// In namespaces, as a user of its own.
        case jail

        package static func < (left: Self, right: Self) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }
}
