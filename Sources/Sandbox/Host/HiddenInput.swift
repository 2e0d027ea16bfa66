import CLinux

/// Reads what a person types without showing it.
package enum HiddenInput {
    /// One line of a terminal without its end; nil where the descriptor is no terminal, or the person broke off.
    package static func line(of terminal: Int32, atMost limit: Int) -> [UInt8]? {
        var line = [UInt8](repeating: 0, count: limit + 2)
        defer { for index in line.indices { line[index] = 0 } }
        let count = unsafe line.withUnsafeMutableBytes { bytes in
            unsafe leat_read_hidden(
                terminal,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                UInt32(bytes.count)
            )
        }
        guard count >= 0 else { return nil }
        return line.prefix(Int(count)).filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    }
}
