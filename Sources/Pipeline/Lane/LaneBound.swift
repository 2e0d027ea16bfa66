/// How far a lane may read, where that is not to the end of the log.
///
/// Everything but its place stays as it is: a lane at its bound has read nothing of what lies behind it, and goes on from
/// there when the bound is lifted.
struct LaneBound: Equatable, Sendable {
    /// No chunk whose slice time is later is read.
    /// - Unit: microseconds since 1970, by PostgreSQL's clock.
    var until: Int64?
    /// No chunk that begins here or behind is read.
    var end: Int64?

    static let none = LaneBound()

    var isNone: Bool { self == .none }

    /// Whether a chunk lies behind it.
    func excludes(offset: Int64, sliceTime: Int64) -> Bool {
        if let until, sliceTime > until { return true }
        if let end, offset >= end { return true }
        return false
    }

    /// How long after its time it is certain that nothing earlier comes any more: an append that was given its time
    /// before is committed by then, or was refused.
    /// - Unit: microseconds.
    static let settling: Int64 = 2_000_000

    /// When a log that has nothing more is known to have nothing more before the bound.
    /// - Unit: microseconds since 1970, by PostgreSQL's clock.
    var settledAt: Int64? { until.map { $0.addingReportingOverflow(Self.settling).partialValue } }
}
