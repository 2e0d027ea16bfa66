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
        var position = input.startIndex
        var text = list.startIndex + count * editBytes
        for number in 0..<count {
            let edit = Edit(list, number)
            output.append(contentsOf: input[position..<input.startIndex + edit.offset])
            output.append(contentsOf: list[text..<text + edit.insert])
            position = input.startIndex + edit.offset + edit.remove
            text += edit.insert
        }
        output.append(contentsOf: input[position...])
        return start..<output.count
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

        init(_ list: ArraySlice<UInt8>, _ number: Int) {
            offset = Int(list.word32(at: number * editBytes))
            remove = Int(list.word32(at: number * editBytes + 4))
            insert = Int(list.word32(at: number * editBytes + 8))
        }
    }
}
