/// The two forms of a string: as JSON writes it between the quotes, and its content in UTF-8.
enum JSONString {
    /// Appends the content of `written`, which is known to be right.
    static func unescape(_ written: Span<UInt8>, into output: inout [UInt8]) {
        output.reserveCapacity(output.count + written.count)
        var reader = Reader()
        while let byte = reader.next(in: written) { output.append(byte) }
    }

    /// Whether the content of `written` is `content`.
    static func matches(_ written: Span<UInt8>, _ content: Span<UInt8>) -> Bool {
        var reader = Reader()
        for index in content.indices where reader.next(in: written) != content[index] { return false }
        return reader.next(in: written) == nil
    }

    /// Appends `content` between quotes, with the escapes that RFC 8259 demands and no others.
    static func write(_ content: Span<UInt8>, into output: inout [UInt8]) {
        output.append(Byte.quote)
        var plain = 0
        for index in content.indices {
            let byte = content[index]
            if byte >= 0x20, byte != Byte.quote, byte != Byte.backslash { continue }
            output.append(content.extracting(plain..<index))
            plain = index + 1
            output.append(Byte.backslash)
            switch byte {
            case Byte.quote, Byte.backslash: output.append(byte)
            case 0x08: output.append(UInt8(ascii: "b"))
            case 0x09: output.append(UInt8(ascii: "t"))
            case 0x0A: output.append(UInt8(ascii: "n"))
            case 0x0C: output.append(UInt8(ascii: "f"))
            case 0x0D: output.append(UInt8(ascii: "r"))
            default:
                let low = byte & 15
                output.append(UInt8(ascii: "u"))
                output.append(UInt8(ascii: "0"))
                output.append(UInt8(ascii: "0"))
                output.append(UInt8(ascii: "0") + byte >> 4)
                output.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
            }
        }
        output.append(content.extracting(plain..<content.count))
        output.append(Byte.quote)
    }

    /// Reads the content of a written string byte by byte.
    private struct Reader {
        private var position = 0
        /// The bytes of a resolved escape that are still to come, the next one lowest.
        private var pending: UInt32 = 0

        mutating func next(in written: Span<UInt8>) -> UInt8? {
            if pending != 0 {
                let byte = UInt8(truncatingIfNeeded: pending)
                pending >>= 8
                return byte
            }
            guard position < written.count else { return nil }
            let byte = written[position]
            position += 1
            return byte == Byte.backslash ? escape(in: written) : byte
        }

        private mutating func escape(in written: Span<UInt8>) -> UInt8 {
            let letter = written[position]
            position += 1
            switch letter {
            case UInt8(ascii: "b"): return 0x08
            case UInt8(ascii: "f"): return 0x0C
            case UInt8(ascii: "n"): return 0x0A
            case UInt8(ascii: "r"): return 0x0D
            case UInt8(ascii: "t"): return 0x09
            case UInt8(ascii: "u"): break
            default: return letter
            }
            var first: UInt8 = 0
            var shift: UInt32 = 0
            for byte in UTF8.encode(scalar(in: written)) ?? UTF8.encodedReplacementCharacter {
                if shift == 0 { first = byte } else { pending |= UInt32(byte) << (shift - 8) }
                shift += 8
            }
            return first
        }

        /// The scalar whose four digits are next; two escapes make one when they are the halves of a pair.
        private mutating func scalar(in written: Span<UInt8>) -> Unicode.Scalar {
            let unit = unit(in: written, at: position)
            position += 4
            let isPair =
                unit & 0xFC00 == 0xD800 && position + 6 <= written.count
                && written[position] == Byte.backslash && written[position + 1] == UInt8(ascii: "u")
            if isPair {
                let second = self.unit(in: written, at: position + 2)
                if second & 0xFC00 == 0xDC00 {
                    position += 6
                    return Unicode.Scalar(0x10000 + (unit & 0x3FF) << 10 + second & 0x3FF) ?? "\u{FFFD}"
                }
            }
            return Unicode.Scalar(unit) ?? "\u{FFFD}"
        }

        private func unit(in written: Span<UInt8>, at start: Int) -> UInt32 {
            var unit: UInt32 = 0
            for index in start..<start + 4 { unit = unit << 4 | (Scanner.hexadecimal(written[index]) ?? 0) }
            return unit
        }
    }
}
