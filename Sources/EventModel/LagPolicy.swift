/// What happens to what a connection has not read when the time of its slice has come.
package enum LagPolicy: String, Sendable, CaseIterable {
    /// The slice stays until it is read; at the log's bound of bytes the source is pushed back.
    case hold
    /// The slice goes, and what was not read counts as expired.
    case expire
}
