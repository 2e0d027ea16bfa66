/// An edited event as replacements in its input, and how the host makes the event of it.
enum EditList {
    /// Bytes of one edit before the inserted text.
    static let editBytes = 12

    /// Applies a list from a worker to the host's own copy of the input, and appends the result to `output`.
    ///
    /// - Returns: Where in `output` the result lies.
    /// - Throws: `ArenaError.violation` when the list is cut off, not sorted, points outside the input, or makes more
    ///   than `budget` bytes.
    static func apply(
        _ list: ArraySlice<UInt8>,
        count: Int,
        to input: ArraySlice<UInt8>,
        budget: Int,
        into output: inout [UInt8]
    ) throws(ArenaError) -> Range<Int> {
        guard count <= list.count / editBytes else { throw .violation("an edit list is cut off") }
        let length = try self.length(list, count: count, of: input)
        guard length > 0, length <= budget else { throw .violation("an edited event is empty or longer than allowed") }
        let start = output.count
        unsafe input.withUnsafeBufferPointer { input in
            unsafe list.withUnsafeBufferPointer { list in unsafe write(list, count: count, to: input, into: &output) }
        }
        return start..<output.count
    }

    /// Writes the result of a checked list; over plain pointers, since counting references costs more than the copy.
    private static func write(
        _ list: UnsafeBufferPointer<UInt8>,
        count: Int,
        to input: UnsafeBufferPointer<UInt8>,
        into output: inout [UInt8]
    ) {
        var position = 0
        var text = count * editBytes
        for number in 0..<count {
            let edit = unsafe Edit(list, number)
            unsafe output.append(contentsOf: UnsafeBufferPointer(rebasing: input[position..<edit.offset]))
            unsafe output.append(contentsOf: UnsafeBufferPointer(rebasing: list[text..<text + edit.insert]))
            position = edit.offset + edit.remove
            text += edit.insert
        }
        unsafe output.append(contentsOf: UnsafeBufferPointer(rebasing: input[position...]))
    }

    /// Checks the whole list and gives the length of the result.
    private static func length(
        _ list: ArraySlice<UInt8>,
        count: Int,
        of input: ArraySlice<UInt8>
    ) throws(ArenaError) -> Int {
        var position = 0
        var length = input.count
        var inserted = 0
        for number in 0..<count {
            let edit = Edit(list, number)
            // Each number is below 2³², so no sum of them overflows.
            guard edit.offset >= position, edit.offset + edit.remove <= input.count else {
                throw .violation("an edit list is not sorted or leaves its event")
            }
            position = edit.offset + edit.remove
            length += edit.insert - edit.remove
            inserted += edit.insert
        }
        guard inserted == list.count - count * editBytes else { throw .violation("an edit list has another length") }
        return length
    }

    private struct Edit {
        let offset: Int
        let remove: Int
        let insert: Int

        init(_ list: UnsafeBufferPointer<UInt8>, _ number: Int) {
            let start = number * editBytes
            offset = unsafe Int(Self.word(list, start))
            remove = unsafe Int(Self.word(list, start + 4))
            insert = unsafe Int(Self.word(list, start + 8))
        }

        private static func word(_ list: UnsafeBufferPointer<UInt8>, _ position: Int) -> UInt32 {
            unsafe UInt32(
                littleEndian: UnsafeRawBufferPointer(list).loadUnaligned(fromByteOffset: position, as: UInt32.self)
            )
        }

        init(_ list: ArraySlice<UInt8>, _ number: Int) {
            offset = Int(list.word32(at: number * editBytes))
            remove = Int(list.word32(at: number * editBytes + 4))
            insert = Int(list.word32(at: number * editBytes + 8))
        }
    }
}
