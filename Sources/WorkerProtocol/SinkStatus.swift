/// What a sink tells the plugin; the raw values are those of `leat_status`.
package enum SinkStatus: Int32, Sendable {
    case ok = 0
    /// An argument is wrong: an index outside the batch, a malformed request.
    case invalid = -3
    /// A limit was reached. The event has failed or will be run again; nothing of it is lost in silence.
    case limit = -4
    /// The batch is over.
    case closed = -8
}

/// Whether trying a failed event again can help; the raw values are those of `leat_status`.
package enum FailureClass: Int32, Sendable {
    case retry = -1
    case permanent = -2

    /// The class of a status that a plugin returned; an unknown one cannot be helped.
    package init(status: Int32) { self = status == Self.retry.rawValue ? .retry : .permanent }
}

/// One replacement in an event's JSON: at `offset`, `remove` bytes give way to `insert`.
@safe package struct ArenaEdit {
    package let offset: UInt64
    package let remove: UInt64
    package let insert: UnsafeRawBufferPointer

    package init(offset: UInt64, remove: UInt64, insert: UnsafeRawBufferPointer) {
        self.offset = offset
        self.remove = remove
        unsafe self.insert = insert
    }

    /// Changes nothing.
    package static var nothing: ArenaEdit {
        unsafe ArenaEdit(offset: 0, remove: 0, insert: .init(start: nil, count: 0))
    }
}

/// The bounds of the texts that a plugin gives beside its events, in bytes.
package enum TextLimits {
    package static let dropReason = 256
    package static let failureCode = 64
    package static let failureMessage = 2048
    package static let logMessage = 8192
    /// Log records of one batch; further ones are counted and left out.
    package static let logsPerBatch = 128
    package static let requestWord = 256
}
