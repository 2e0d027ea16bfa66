import CLinux
import Glibc

/// One thing that a worker gives up, before any byte of a plugin is mapped.
package struct SandboxStep: Sendable {
    /// The step's place in a report.
    let mark: SandboxReport
    package let name: String
    /// Whether a worker may go on without it.
    let isRequired: Bool
    /// - Returns: 0, or -errno.
    let take: @Sendable (SandboxOrder) -> Int32
}

/// The seal of a worker: an ordered list of small named steps, taken once by the process itself.
///
/// What must hold before the program starts (session, environment, descriptors in their slots) is done by the launcher's
/// spawn; the steps here are what the process can do to itself. Mounts and file rules belong between `identity` and
/// `capabilities`, a second filter after the plugin is loaded.
package enum Sandbox {
    /// The order matters: each step takes rights that an earlier one needed.
    package static let steps: [SandboxStep] = [
        SandboxStep(mark: .descriptors, name: "descriptors", isRequired: true) { _ in closeDescriptors() },
        SandboxStep(mark: .limits, name: "limits", isRequired: true) { setLimits($0) },
        SandboxStep(mark: .network, name: "network namespace", isRequired: false) { $0.isOffNetwork ? 0 : -EPERM },
        SandboxStep(mark: .privileges, name: "no new privileges", isRequired: true) { _ in leat_no_new_privileges() },
        SandboxStep(mark: .narrowed, name: "bounding set", isRequired: true) { _ in leat_narrow_capabilities() },
        SandboxStep(mark: .identity, name: "own identity", isRequired: false) { become($0) },
        SandboxStep(mark: .capabilities, name: "capabilities", isRequired: true) { _ in leat_drop_capabilities() },
        SandboxStep(mark: .parent, name: "end with parent", isRequired: true) { followParent($0) },
        SandboxStep(mark: .undumpable, name: "not dumpable", isRequired: true) { _ in leat_not_dumpable() },
        SandboxStep(mark: .filter, name: "system call filter", isRequired: true) { _ in SystemCallFilter.install() },
    ]

    /// Takes every step.
    ///
    /// - Returns: What holds now.
    /// - Throws: `SandboxError` for the first required step that failed; the worker must end then.
    package static func seal(_ order: SandboxOrder) throws(SandboxError) -> SandboxReport {
        var report: SandboxReport = []
        for step in steps {
            let result = step.take(order)
            if result >= 0 {
                report.insert(step.mark)
            } else if step.isRequired || step.mark == .identity && order.identity != nil {
                throw SandboxError(step: step.name, errno: -result)
            }
        }
        return report
    }

    /// The first descriptor that is not a slot of the worker.
    private static let firstForeignDescriptor: UInt32 = 8

    private static func closeDescriptors() -> Int32 { leat_close_range(firstForeignDescriptor, .max) }

    private static func setLimits(_ order: SandboxOrder) -> Int32 {
        let limits = order.limits
        // Under a shared identity the limit counts all workers together, so it can only be a far bound.
        let processes = order.identity == nil ? 4_096 : limits.threads + 2
        let values: [(leat_limit, UInt64)] = [
            (LEAT_LIMIT_CORE, 0), (LEAT_LIMIT_FILE_SIZE, 0), (LEAT_LIMIT_LOCKED, 0), (LEAT_LIMIT_MESSAGE_QUEUE, 0),
            (LEAT_LIMIT_NICE, 0), (LEAT_LIMIT_REALTIME, 0), (LEAT_LIMIT_SIGNALS_PENDING, 64),
            (LEAT_LIMIT_DESCRIPTORS, limits.descriptors), (LEAT_LIMIT_CPU, limits.cpuSeconds),
            (LEAT_LIMIT_STACK, 8 * 1024 * 1024), (LEAT_LIMIT_DATA, limits.memoryBytes),
            (LEAT_LIMIT_ADDRESS_SPACE, limits.addressSpaceBytes), (LEAT_LIMIT_PROCESSES, processes),
        ]
        for (limit, value) in values {
            let result = leat_set_limit(Int32(limit.rawValue), value)
            if result < 0 { return result }
        }
        return 0
    }

    private static func become(_ order: SandboxOrder) -> Int32 {
        guard let identity = order.identity else { return -EPERM }
        return leat_become(identity, identity)
    }

    private static func followParent(_ order: SandboxOrder) -> Int32 {
        let result = leat_die_with_parent()
        // The parent may have ended before the request took effect.
        return result < 0 ? result : getppid() == order.parent ? 0 : -ESRCH
    }
}

/// A step of the seal that had to hold and did not.
package struct SandboxError: Error, CustomStringConvertible {
    package let step: String
    package let errno: Int32

    package var description: String {
        "the worker could not seal itself: \(step): \(unsafe String(cString: strerror(errno)))"
    }
}
