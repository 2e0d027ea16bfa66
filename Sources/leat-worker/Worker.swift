import CLinux
import Sandbox
import WorkerRuntime

/// Seals this process and then serves one plugin.
func runWorker(arguments: some Sequence<String>) -> Int32 {
    guard let order = SandboxOrder(arguments: arguments) else {
        return LeatWorker.refuse("a worker was started with arguments that it does not know")
    }
    _ = unsafe leat_name_process("leat-worker")
    return WorkerRuntime.run { () throws(SandboxError) in try Sandbox.seal(order).rawValue }
}
