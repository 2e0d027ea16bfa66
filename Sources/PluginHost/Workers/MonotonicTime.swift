import Glibc

/// Nanoseconds on the monotonic clock, as the kernel counts them for timers.
enum MonotonicTime {
    static var now: Int64 { nanoseconds(CLOCK_MONOTONIC) }

    /// Nanoseconds since 1970.
    static var wall: Int64 { nanoseconds(CLOCK_REALTIME) }

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
