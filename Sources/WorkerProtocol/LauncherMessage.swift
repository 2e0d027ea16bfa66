/// One record between the host and the launcher, which starts workers and nothing else.
///
/// - Shape: 64 bytes, little-endian: kind u32, code i32, seven u64. Descriptors go only from the host to the launcher.
package struct LauncherMessage: Equatable, Sendable {
    /// The length of every message in bytes.
    package static let size = 64

    /// What a message asks or reports.
    package enum Kind: UInt32, Sendable {
        /// Host: start worker `values[0]` with the six descriptors of `WorkerSlot.standardOutput` to `outputDoorbell`
        /// (both outputs share the first), memory bytes `values[1]`, CPU seconds `values[2]`, descriptors `values[3]`,
        /// threads `values[4]`.
        case start = 1
        /// Host: kill worker `values[0]`; its end is reported as any other.
        case kill = 2
        /// Host: start another launcher that serves the attached socket.
        case spare = 3

        /// Launcher: it runs. `code` is 0, or the errno for which it has no network namespace; values: whether workers
        /// get users of their own, the launcher's process id.
        case hello = 16
        /// Launcher: worker `values[0]` is process `values[1]`.
        case started = 17
        /// Launcher: worker `values[0]` could not be started, for the errno `code`.
        case notStarted = 18
        /// Launcher: worker `values[0]` ended with exit status `values[1]` or signal `values[2]`, after
        /// `values[3]` microseconds of CPU and at most `values[4]` resident bytes.
        case ended = 19
    }

    package var kind: Kind
    package var code: Int32
    package var values: [7 of UInt64]

    package init(_ kind: Kind, code: Int32 = 0, _ values: UInt64...) {
        self.kind = kind
        self.code = code
        self.values = .init(repeating: 0)
        for (index, value) in values.prefix(7).enumerated() { self.values[index] = value }
    }

    /// Reads a message; nil when it is none.
    package init?(bytes: some RandomAccessCollection<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.size, let kind = Kind(rawValue: Self.word32(bytes, 0)) else { return nil }
        self.kind = kind
        code = Int32(bitPattern: Self.word32(bytes, 4))
        values = .init(repeating: 0)
        for index in 0..<7 {
            let position = 8 + index * 8
            values[index] =
                UInt64(Self.word32(bytes, position)) | UInt64(Self.word32(bytes, position + 4)) << 32
        }
    }

    /// The 64 bytes to send.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        func append(_ value: UInt64, _ count: Int) {
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
        }
        append(UInt64(kind.rawValue), 4)
        append(UInt64(UInt32(bitPattern: code)), 4)
        for index in 0..<7 { append(values[index], 8) }
        return bytes
    }

    private static func word32(_ bytes: [UInt8], _ position: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[position + $1]) << ($1 * 8) }
    }

    package static func == (left: Self, right: Self) -> Bool { left.bytes == right.bytes }
}
