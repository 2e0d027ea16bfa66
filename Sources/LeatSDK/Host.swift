import CLeatPlugin

/// What the host offers beside events.
public enum Host {
    /// The time at which the current batch was handed over, in nanoseconds since 1970; equal for all its events.
    public static var wallNanoseconds: Int64 {
        guard let clock = unsafe tables.clock else { return 0 }
        return unsafe clock.pointee.wall_ns(tables.context)
    }

    /// How long the current call may still take before the process is killed.
    public static var remaining: Duration {
        guard let clock = unsafe tables.clock else { return .zero }
        let now = unsafe clock.pointee.monotonic_ns(tables.context)
        let deadline = unsafe clock.pointee.deadline_ns(tables.context)
        return .nanoseconds(max(0, deadline.subtractingReportingOverflow(now).partialValue))
    }

    /// Whether this code runs on the thread on which the server calls the plugin, and only there may it use events.
    public static var isInstanceThread: Bool {
        guard let check = unsafe tables.threadCheck else { return false }
        return unsafe check.pointee.is_instance_thread(tables.context) == 1
    }

    // MARK: Tables

    /// The host's tables, asked for once.
    @safe struct Tables {
        var context: OpaquePointer?
        var log: UnsafePointer<leat_log_v1>?
        var clock: UnsafePointer<leat_clock_v1>?
        var error: UnsafePointer<leat_error_v1>?
        var configuration: UnsafePointer<leat_config_v1>?
        var http: UnsafePointer<leat_http_v1>?
        var secret: UnsafePointer<leat_secret_v1>?
        var metric: UnsafePointer<leat_metric_v1>?
        var threadCheck: UnsafePointer<leat_thread_check_v1>?
    }

    /// Set by the entry function, before any other code of the plugin runs, and never again.
    nonisolated(unsafe) static var tables = Tables()

    static func connect(_ host: UnsafePointer<leat_host_v1>) {
        unsafe tables = Tables(
            context: host.pointee.ctx,
            log: table(LEAT_ID_LOG, of: host),
            clock: table(LEAT_ID_CLOCK, of: host),
            error: table(LEAT_ID_ERROR, of: host),
            configuration: table(LEAT_ID_CONFIG, of: host),
            http: table(LEAT_ID_HTTP, of: host),
            secret: table(LEAT_ID_SECRET, of: host),
            metric: table(LEAT_ID_METRIC, of: host),
            threadCheck: table(LEAT_ID_THREAD_CHECK, of: host)
        )
    }

    /// Says why the current call is about to fail, and gives the status to return.
    static func explain(_ failure: Failure) -> leat_status {
        if let error = unsafe tables.error {
            unsafe failure.code.withSlice { code in
                unsafe failure.message.withSlice { message in unsafe error.pointee.set(tables.context, code, message) }
            }
        }
        return failure.status
    }

    private static func table<Table>(_ id: String, of host: UnsafePointer<leat_host_v1>) -> UnsafePointer<Table>? {
        unsafe id.withSlice { id in
            unsafe host.pointee.get_extension(host.pointee.ctx, id)?.assumingMemoryBound(to: Table.self)
        }
    }
}

extension Failure {
    var status: leat_status { kind == .retry ? LEAT_E_RETRY : LEAT_E_PERMANENT }
}
