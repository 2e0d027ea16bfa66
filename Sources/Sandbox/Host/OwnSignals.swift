import Glibc

/// The signals by which people ask this process to end.
package enum OwnSignals {
    /// Keeps SIGTERM and SIGINT from the calling thread and from every thread that comes after, so that they stay with the
    /// process until whoever reads them from the kernel takes them.
    ///
    /// Given to a thread instead, one could be lost between that thread and the reader.
    package static func hold() {
        var ends = sigset_t()
        unsafe sigemptyset(&ends)
        unsafe sigaddset(&ends, SIGTERM)
        unsafe sigaddset(&ends, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &ends, nil)
    }
}
