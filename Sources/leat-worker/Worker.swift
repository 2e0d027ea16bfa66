import CLinux
import Glibc
import Sandbox

/// Seals this process and then serves one plugin.
func runWorker(arguments: some Sequence<String>) -> Int32 {
    guard let order = SandboxOrder(arguments: arguments) else {
        return LeatWorker.refuse("a worker was started with arguments that it does not know")
    }
    _ = unsafe leat_name_process("leat-worker")
    do {
        let report = try Sandbox.seal(order)
        _ = report
        pause()
        return 0
    } catch {
        return LeatWorker.refuse(error.description)
    }
}
