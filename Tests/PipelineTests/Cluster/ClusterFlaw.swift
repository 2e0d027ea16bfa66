/// A fault of the product or of the database that the reader must find out.
enum ClusterFlaw: CaseIterable {
    /// An append numbers its events without a lock.
    case appendsWithoutLock
    /// A checkpoint is kept whoever has the lease.
    case ignoresEpoch
    /// A checkpoint that is sent again is kept again.
    case ignoresNumber
    /// A checkpoint with dead letters is not flushed before it is answered.
    case neverFlushes
    /// Senders are answered before the commit.
    case answersEarly
    /// Requests are sent whether or not the lease may have passed on.
    case sendsWithoutLease
    /// Repeated message ids are not looked for.
    case forgetsDuplicates
    /// A checkpoint whose answer was lost is not sent again.
    case forgetsUnanswered

    // MARK: Nodes

    /// Leases are taken from nodes that live.
    case takesBeforeGiven
    /// Leases are given back while lanes run under them.
    case givesWhileRunning
    /// Leases and silence are measured by a wall clock, which somebody sets.
    case measuresByWallClock
    /// Leases are measured by a clock that stands still while the machine does.
    case restsWithMachine
    /// Leases are measured from the answer to a sign of life, and not from its sending.
    case confirmsAtAnswer
    /// A node is ended although it gave another sign of life since it was seen to be silent.
    case endsByOldCount
    /// Every node has a view of its own of who the others are.
    case allotsDifferently
    /// A drained node is dealt partitions like the others.
    case ignoresDrain
    /// A claim whose answer was lost is forgotten.
    case forgetsClaims

    // MARK: Generations

    /// Events are still accepted in partitions that are closed.
    case appendsToClosed
    /// The lanes of a generation begin before those of the earlier ones have settled everything.
    case beginsBeforeSettled
    /// Users of whom something is parked in an earlier generation are not held back.
    case ignoresHeldUsers
    /// Message ids of earlier generations are not known.
    case inheritsNothing
    /// A window that could not be brought up to a chunk answers as if it had been.
    case keepsHalfWindow
}
