/// Where things lie in an arena, the same in both directions.
///
/// ```
/// 0          4096                dataEnd          size - count × record      size
/// │ header   │ data, grows up →  │ free           │ ← table, grows down      │
/// ```
/// Record `i` of the table ends `i` records before the end. Nothing but the header has a fixed place, so neither table
/// nor data can starve the other. All numbers are little-endian and of fixed width; offsets count from the arena's start.
package enum ArenaLayout {
    /// The first eight bytes: "LEATARN1".
    static let magic: UInt64 = 0x314E_5241_5441_454C
    /// Changed with any other change of what is written here.
    static let version: UInt32 = 1
    /// Bytes before the data.
    package static let headerBytes = 4096
    /// Bytes of a record in the input table.
    static let inputRecordBytes = 128
    /// Bytes of a record in the output table.
    static let outputRecordBytes = 64
    /// The smallest arena that makes sense, in bytes.
    package static let smallestBytes = 16 * 1024
    /// The size an arena has at first, in bytes.
    package static let firstBytes = 256 * 1024
    /// The largest arena, in bytes; a batch that needs more is cut.
    package static let largestBytes = 64 * 1024 * 1024
    /// The most events of one batch.
    package static let mostEvents = 4096

    /// Header fields of both arenas.
    enum Shared {
        static let magic = 0
        static let version = 8
        static let kind = 12
        static let size = 16
        static let batch = 24
        static let dataEnd = 32
    }

    /// Header fields of the input arena.
    enum Input {
        static let count = 40
        static let fanOut = 44
        static let deadline = 48
        static let wall = 56
        static let contextOffset = 64
        static let contextLength = 72
        static let partBytes = 80
        static let outputBytes = 88
    }

    /// Header fields of the output arena.
    enum Output {
        static let committed = 40
        static let progress = 44
        static let status = 48
        static let finished = 52
        static let runNanoseconds = 56
        static let droppedLogs = 64
        /// How many header bytes the host copies.
        static let end = 128
    }
}

/// What the input arena asks for, and what the output arena answers.
package enum ArenaKind: UInt32, Sendable {
    /// A `LoadRequest`; answered by control message, texts in the output arena.
    case load = 1
    /// Events for `leat.transform/1`.
    case transform = 2
    /// Events for `build` of `leat.dest_request/1`.
    case build = 3
    /// Responses for `classify` of `leat.dest_request/1`.
    case classify = 4
    /// In the call arena: the responses to what a plugin fetched.
    case fetched = 5
}

/// What one record of the output table says.
enum OutputRecordKind: UInt32 {
    case emit = 1
    case edits = 2
    case drop = 3
    case fail = 4
    /// The answer to this event did not fit in the arena: run it again with a larger one.
    case outgrown = 5
    case request = 6
    case classification = 7
    /// The plugin's own words for the error that it returned for the whole batch.
    case batchError = 8
    case log = 9
    /// Why the plugin cannot run.
    case failure = 10
    /// What the plugin reported of one metric of its own: a `ReportedMetric`.
    case metric = 11
}
