import CLeatPlugin
import EventJSON

/// An event's changes in the form in which the host takes them; its memory is used again for every event.
@safe struct SpliceBuffer {
    private var edits: [leat_edit] = unsafe []
    /// How long each inserted text is; the texts follow each other in `text`.
    private var lengths: [Int] = []
    private var text: [UInt8] = []

    /// Calls `body` with the changes that make the root of `tape` what `changes` say.
    mutating func withEdits(
        _ changes: JSONEdits,
        of tape: JSONTape,
        _ body: (UnsafePointer<leat_edit>?, UInt32) -> leat_status
    ) -> leat_status {
        unsafe edits.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
        let origin = tape.range(of: tape.root).lowerBound
        changes.splices(of: tape.root, in: tape) { splice, bytes in
            let place = (UInt64(origin + splice.offset), UInt64(splice.removed))
            unsafe edits.append(leat_edit(offset: place.0, remove: place.1, insert: leat_slice(ptr: nil, len: 0)))
            lengths.append(bytes.count)
            text.append(bytes)
        }
        return unsafe text.withUnsafeBufferPointer { text in
            var next = 0
            for index in unsafe edits.indices {
                let length = lengths[index]
                if length > 0, let base = text.baseAddress {
                    unsafe edits[index].insert = leat_slice(ptr: base + next, len: UInt64(length))
                }
                next += length
            }
            return unsafe edits.withUnsafeBufferPointer { edits in
                unsafe body(edits.baseAddress, UInt32(edits.count))
            }
        }
    }
}

extension [UInt8] {
    /// Appends all of `bytes`.
    mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { bytes in unsafe append(contentsOf: bytes) }
    }
}
