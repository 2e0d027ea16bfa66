import Catalog
import EventModel
import NIOCore
import Synchronization

/// How far an export has come.
///
/// - Owner: the answer that it is the body of, which asks for one piece after the other.
final class LetterExport: Sendable {
    private enum Place {
        case beginning
        case behind(DeadLetterID)
        case end
    }

    private let filter: DeadLetterFilter
    private let place = Mutex(Place.beginning)

    init(_ filter: DeadLetterFilter) { self.filter = filter }

    /// The next dead letters, one JSON text a line; nil when there are no more.
    func next(from desk: LetterDesk, _ names: LetterNames) async throws -> ByteBuffer? {
        while true {
            let cursor: DeadLetterID?
            switch place.withLock({ $0 }) {
            case .beginning: cursor = nil
            case .behind(let id): cursor = id
            case .end: return nil
            }
            let page = try await desk.page(filter, cursor, LetterDesk.mostRecords)
            place.withLock { $0 = page.next.map { .behind($0) } ?? .end }
            var lines = ByteBuffer()
            for letter in try await desk.documents(page.letters.map(\.id), names) {
                lines.writeString(letter.json)
                lines.writeString("\n")
            }
            if lines.readableBytes > 0 { return lines }
        }
    }
}
