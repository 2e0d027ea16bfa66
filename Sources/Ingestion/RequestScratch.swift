import EventJSON
import Synchronization

/// The memory that one request works in; kept for the next one.
struct RequestScratch: Sendable {
    /// The body, inflated.
    var body: [UInt8] = []
    var tape = JSONTape(limits: .request)
    var intake = EventIntake()

    mutating func clear() {
        // The tape lets go of the body first, so that clearing does not copy it.
        tape.reset()
        body.removeAll(keepingCapacity: body.capacity <= RequestScratches.keptBytes)
    }
}

/// Lends memory to requests, so that a request allocates next to nothing.
final class RequestScratches: Sendable {
    /// The most that are kept while nobody uses them.
    static let kept = 64
    /// A body buffer that grew beyond this is not kept, in bytes.
    static let keptBytes = 1024 * 1024

    private let free = Mutex<[RequestScratch]>([])

    func take() -> RequestScratch {
        free.withLock { $0.popLast() } ?? RequestScratch()
    }

    func give(_ scratch: consuming RequestScratch) {
        scratch.clear()
        let cleared = scratch
        free.withLock { free in
            if free.count < Self.kept { free.append(cleared) }
        }
    }
}
