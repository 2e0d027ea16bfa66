import CLeatPlugin
import Glibc
import Synchronization
import WorkerProtocol

/// The tables by which a plugin speaks of itself: its metrics, and which of its threads is which.
extension HostTables {
    static var metric: leat_metric_v1 {
        unsafe leat_metric_v1(
            struct_size: size(of: leat_metric_v1.self),
            abi_minor: 0,
            define: { context, kind, name, unit, metric in
                guard let context = unsafe context, let metric = unsafe metric else { return LEAT_E_INVALID }
                return unsafe StagePointer(context).define(kind, name.bytes, unit.bytes, metric)
            },
            record: { context, metric, value in
                guard let context = unsafe context else { return }
                let threads = unsafe StagePointer(context).pointer.pointee.threads
                threads.metrics.withLock { $0.record(metric, value) }
            }
        )
    }

    static var threadCheck: leat_thread_check_v1 {
        unsafe leat_thread_check_v1(
            struct_size: size(of: leat_thread_check_v1.self),
            abi_minor: 0,
            is_instance_thread: { context in
                guard let context = unsafe context else { return 0 }
                return unsafe StagePointer(context).pointer.pointee.isInstanceThread ? 1 : 0
            }
        )
    }
}

extension StagePointer {
    fileprivate func define(
        _ kind: Int32,
        _ name: UnsafeRawBufferPointer,
        _ unit: UnsafeRawBufferPointer,
        _ metric: UnsafeMutablePointer<UInt32>
    ) -> leat_status {
        guard unsafe pointer.pointee.admitsCaller, unsafe pointer.pointee.input == nil else { return LEAT_E_CLOSED }
        guard let kind = ReportedMetric.Kind(rawValue: kind), unsafe ReportedMetric.isName(name),
            unsafe unit.isEmpty || ReportedMetric.isName(unit)
        else { return LEAT_E_INVALID }
        let words = unsafe (String(decoding: name, as: UTF8.self), String(decoding: unit, as: UTF8.self))
        let threads = unsafe pointer.pointee.threads
        guard let place = threads.metrics.withLock({ $0.define(kind, words.0, words.1) }) else { return LEAT_E_LIMIT }
        unsafe metric.pointee = place
        return LEAT_OK
    }
}
