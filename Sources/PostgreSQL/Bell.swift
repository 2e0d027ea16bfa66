import CPostgreSQL
import EventModel
import Glibc

/// Wakes one thread that waits on descriptors.
///
/// - Shape: one eventfd; rings add up until they are heard.
final class Bell: Sendable {
    let descriptor: Int32

    init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(descriptor >= 0, "no descriptor is left for an eventfd")
    }

    deinit { close(descriptor) }

    /// Wakes the waiting thread, or the next wait.
    func ring() {
        var one: UInt64 = 1
        _ = unsafe write(descriptor, &one, 8)
    }

    /// Waits for a ring, for `events` on `other`, or for the time to pass.
    ///
    /// - Returns: the events that came on `other`; 0 if none did.
    func wait(other: Int32 = -1, events: Int16 = 0, milliseconds: Int32) -> Int16 {
        let bell = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var watched = [bell, pollfd(fd: other, events: events, revents: 0)]
        let count = unsafe poll(&watched, 2, milliseconds)
        guard count > 0 else { return 0 }
        if watched[0].revents != 0 {
            var rings: UInt64 = 0
            _ = unsafe read(descriptor, &rings, 8)
        }
        return watched[1].revents
    }

    /// Waits for a ring and nothing else; false if none comes in time.
    func isHeard(within bound: Duration) -> Bool {
        let deadline = ContinuousClock.now + bound
        var bell = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            let left = max(0, Int32(clamping: ContinuousClock.now.duration(to: deadline).milliseconds))
            let count = unsafe poll(&bell, 1, left)
            if count > 0 { return true }
            if count == 0 || errno != EINTR { return false }
        }
    }
}
