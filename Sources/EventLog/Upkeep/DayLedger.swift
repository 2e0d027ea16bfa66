package import EventModel
import PostgreSQL

/// What sources have sent since midnight in UTC, by the log and by PostgreSQL's clock.
///
/// Slices that are over were measured once; of the rest every chunk is added up once, since what was counted before is
/// remembered here.
///
/// - Owner: whoever asks from time to time.
package actor DayLedger {
    private struct Page: Sendable {
        var bytes: Int64 = 0
        /// Everything of the source's partitions up to here was counted when nothing newer is known of them.
        var floor: Int64
        var seen: [Int64: Int64] = [:]
    }

    private var pages: [SourceID: Page] = [:]
    /// The beginning of the day that the pages are of.
    /// - Unit: seconds since 1970.
    private var day: Int64 = 0

    private static let measured = Statement(
        "day_measured",
        """
        SELECT s.lower_at, s.upper_at, coalesce(x.bytes, 0)
        FROM leat.slice s LEFT JOIN leat.slice_source x ON x.lower_at = s.lower_at AND x.source_id = $1
        WHERE s.lower_at >= to_timestamp($2) ORDER BY s.lower_at
        """
    )
    private static let taken = Statement(
        "day_taken",
        "SELECT partition_id, bytes, until FROM leat.taken_since($1, $2, $3, $4)"
    )
    private static let secondsPerDay: Int64 = 86_400

    private let log: EventLog

    package init(_ log: EventLog) { self.log = log }

    /// What each of these sources has sent today, in bytes of bodies, and how long the day lasts.
    package func read(
        _ sources: [SourceID]
    ) async throws(EventLogError) -> (bytes: [SourceID: Int64], left: Duration) {
        let now = try await log.slices.time()
        let today = now / 1_000_000 / Self.secondsPerDay * Self.secondsPerDay
        if today != day { (day, pages) = (today, [:]) }
        pages = pages.filter { sources.contains($0.key) }
        for source in sources { pages[source] = try await turn(source, pages[source]) }
        return (pages.mapValues(\.bytes), .microseconds((today + Self.secondsPerDay) * 1_000_000 - now))
    }

    private func turn(_ source: SourceID, _ before: Page?) async throws(EventLogError) -> Page {
        let (day, log) = (day, log)
        return try await translated { () async throws(PostgreSQLError) in
            var page = before ?? Page(floor: day * 1_000_000 - 1)
            if before == nil {
                let ids: [Parameter] = [.int8(source.rawValue), .float8(Double(day))]
                for row in try await log.pool.query(Self.measured, ids) {
                    guard try row.timestamp(0) == page.floor + 1 else { break }
                    page.bytes += try row.int8(2)
                    page.floor = try row.timestamp(1) - 1
                }
            }
            let known = Array(page.seen)
            let rows = try await log.pool.query(
                Self.taken,
                [
                    .int8(source.rawValue), .timestamp(page.floor), .int8Array(known.map(\.key)),
                    .timestampArray(known.map(\.value)),
                ]
            )
            for row in rows {
                page.bytes += try row.int8(1)
                page.seen[try row.int8(0)] = try row.timestamp(2)
            }
            return page
        }
    }
}
