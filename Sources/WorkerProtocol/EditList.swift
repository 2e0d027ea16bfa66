/// An edited event as replacements in its input, and how the host makes the event of it.
///
/// - Shape: per edit u32 offset, u32 remove, u32 insert length; then all inserted bytes.
struct EditList {
    /// Where the list lies in the worker's data.
    let place: Range<Int>
    /// How many edits it has.
    let count: Int

    /// Bytes of one edit before the inserted text.
    static let editBytes = 12

    /// Checks the whole list.
    ///
    /// - Returns: The length of what it makes of an event of `input` bytes.
    /// - Throws: `ArenaError.violation` when the list is cut off, not sorted, or points outside the event.
    func length(in data: Span<UInt8>, of input: Int) throws(ArenaError) -> Int {
        guard count <= place.count / Self.editBytes else { throw .violation("an edit list is cut off") }
        var position = 0
        var length = input
        var inserted = 0
        for number in 0..<count {
            let edit = edit(number, data)
            // Each number is below 2³², so no sum of them overflows.
            guard edit.offset >= position, edit.offset + edit.remove <= input else {
                throw .violation("an edit list is not sorted or leaves its event")
            }
            position = edit.offset + edit.remove
            length += edit.insert - edit.remove
            inserted += edit.insert
        }
        guard inserted == place.count - count * Self.editBytes else {
            throw .violation("an edit list has another length")
        }
        return length
    }

    /// Appends what a checked list makes of the host's own copy of the event.
    func apply(_ data: Span<UInt8>, to input: Span<UInt8>, into output: inout [UInt8]) {
        var position = 0
        var text = place.lowerBound + count * Self.editBytes
        for number in 0..<count {
            let edit = edit(number, data)
            output.append(input.extracting(position..<edit.offset))
            output.append(data.extracting(text..<text + edit.insert))
            position = edit.offset + edit.remove
            text += edit.insert
        }
        output.append(input.extracting(position...))
    }

    private func edit(_ number: Int, _ data: Span<UInt8>) -> (offset: Int, remove: Int, insert: Int) {
        let start = place.lowerBound + number * Self.editBytes
        func word(_ position: Int) -> Int {
            Int(
                UInt32(littleEndian: unsafe data.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self))
            )
        }
        return (word(start), word(start + 4), word(start + 8))
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { bytes in unsafe append(contentsOf: bytes) }
    }
}
