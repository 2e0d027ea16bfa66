/// Whether a destination is delivered to; an operation, so that a declaration neither sets nor clears it.
package enum DestinationState: Equatable, Sendable {
    case running
    /// Its lanes stand still and lose nothing.
    case paused(Halt)
    /// What was accepted up to `until`, by the log's clock, is still delivered, and nothing that came later.
    case draining(Halt, until: Int64)

    /// Who brought it to a stop, or is about to, and why.
    package struct Halt: Equatable, Sendable {
        /// - Unit: microseconds since 1970, UTC.
        package let at: Int64
        /// The name of a token, or of what of the server itself did it.
        package let by: String
        /// Empty when nobody said.
        package let reason: String

        package init(at: Int64, by: String, reason: String) {
            self.at = at
            self.by = by
            self.reason = reason
        }
    }

    /// Who pauses where no person does.
    package static let server = "leat serve"
    /// The longest reason, in bytes.
    package static let maximumReasonBytes = 500

    /// As much of a text as can be a reason.
    package static func reason(_ text: String) -> String {
        var line = String(text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : Character($0) })
        while line.utf8.count > maximumReasonBytes { line.removeLast() }
        return line
    }

    package var halt: Halt? {
        switch self {
        case .running: nil
        case .paused(let halt), .draining(let halt, _): halt
        }
    }

    /// Whether nothing at all is delivered.
    package var isPaused: Bool { if case .paused = self { true } else { false } }

    /// Up to when what was accepted is delivered; nil where there is no such bound.
    package var until: Int64? { if case .draining(_, let until) = self { until } else { nil } }

    /// The state's name, for programs.
    package var name: String {
        switch self {
        case .running: "running"
        case .paused: "paused"
        case .draining: "draining"
        }
    }
}
