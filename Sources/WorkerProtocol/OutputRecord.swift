/// One record of the output table, as it lies in the arena.
///
/// - Shape: 64 bytes, every field at a multiple of its own size, so that a whole record is stored and copied at once.
struct OutputRecord: BitwiseCopyable {
    /// An `OutputRecordKind`.
    var kind: UInt32
    /// The event or response that it is about, or `wholeBatch`.
    var index: UInt32
    var code: Int32 = 0
    var aux: UInt32 = 0
    var first = Text.none
    var second = Text.none
    var extra: UInt64 = 0
    private var unused: UInt64 = 0

    /// Where a text lies in the arena's data.
    struct Text: BitwiseCopyable {
        var offset: UInt64
        var count: UInt64

        static let none = Text(.empty)

        init(_ range: ArenaRange) {
            offset = UInt64(range.offset)
            count = UInt64(range.count)
        }
    }

    /// No event: the record is about the whole batch.
    static let wholeBatch = UInt32.max

    init(_ kind: OutputRecordKind, _ index: UInt32) {
        self.kind = kind.rawValue
        self.index = index
    }
}
