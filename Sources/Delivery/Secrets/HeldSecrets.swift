import EventModel

/// The secrets that a courier, or a plugin's own requests, work with.
///
/// A value that was replaced goes on to be hidden, for requests that carry it may still be under way, and a destination may
/// speak of it later.
package struct HeldSecrets: Sendable {
    package private(set) var book: SecretBook
    private(set) var mask: SecretMask
    /// Values that are not in the book any more, the latest last.
    private var replaced: [SecretValue] = []
    /// Why everybody waits; nil when nobody does.
    private(set) var waitsFor: String?
    /// The last reason that anybody was told of.
    private var told: String?

    /// - Unit: values.
    static let mostReplaced = 16

    package init(_ book: SecretBook) {
        self.book = book
        mask = SecretMask(book.values)
    }

    /// Lets whoever waits find out anew whether it must.
    mutating func tryAgain() { waitsFor = nil }

    /// Goes on with another book.
    package mutating func take(_ new: SecretBook) {
        tryAgain()
        guard new != book else { return }
        let kept = Set(new.values.map { ObjectIdentifier($0) })
        replaced += book.values.filter { !kept.contains(ObjectIdentifier($0)) }
        replaced.removeFirst(max(0, replaced.count - Self.mostReplaced))
        book = new
        mask = SecretMask(new.values + replaced)
        told = nil
    }

    /// Lets everybody wait, unless the book that lacked something is not the newest any more.
    ///
    /// - Returns: whether this is news.
    mutating func wait(for reason: String, missedIn missed: SecretBook) -> Bool {
        guard missed == book else { return false }
        waitsFor = reason
        defer { told = reason }
        return told != reason
    }
}
