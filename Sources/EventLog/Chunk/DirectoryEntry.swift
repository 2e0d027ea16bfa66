package import EventModel

/// What the log knows of one event without looking into it.
///
/// - Shape: 48 bytes, little-endian: length u32, type u8, flags u8, zero u16, received at i64, user hash u64, name hash
///   u64, message hash high u64 and low u64.
package struct DirectoryEntry: Equatable, Sendable {
    /// The body's length in bytes.
    package var length: UInt32
    /// An ``EventModel/EventType``'s raw value.
    package var type: UInt8
    /// Bits for later formats; 0 now.
    package var flags: UInt8
    /// When the server received the event.
    /// - Unit: microseconds since 1970.
    package var receivedAt: Int64
    /// Decides the partition and the order.
    package var userHash: UInt64
    /// Of the `event` field of a track call, else 0.
    package var nameHash: UInt64
    package var messageHash: MessageHash

    package init(
        length: Int,
        type: EventType,
        receivedAt: Int64,
        userHash: UInt64,
        nameHash: UInt64,
        messageHash: MessageHash
    ) {
        self.length = UInt32(length)
        self.type = type.rawValue
        flags = 0
        self.receivedAt = receivedAt
        self.userHash = userHash
        self.nameHash = nameHash
        self.messageHash = messageHash
    }

    package var eventType: EventType? { EventType(rawValue: type) }

    /// The length of one entry in bytes.
    package static let size = 48

    /// Reads the entry at `place`, which the caller has checked to lie inside.
    init(_ bytes: [UInt8], at place: Int) {
        length = bytes.littleEndian(UInt32.self, at: place)
        type = bytes[place + 4]
        flags = bytes[place + 5]
        receivedAt = bytes.littleEndian(Int64.self, at: place + 8)
        userHash = bytes.littleEndian(UInt64.self, at: place + 16)
        nameHash = bytes.littleEndian(UInt64.self, at: place + 24)
        messageHash = MessageHash(
            high: bytes.littleEndian(UInt64.self, at: place + 32),
            low: bytes.littleEndian(UInt64.self, at: place + 40)
        )
    }

    func encode(into out: inout [UInt8]) {
        out.appendLittleEndian(length)
        out.append(type)
        out.append(flags)
        out.appendLittleEndian(UInt16(0))
        out.appendLittleEndian(receivedAt)
        out.appendLittleEndian(userHash)
        out.appendLittleEndian(nameHash)
        out.appendLittleEndian(messageHash.high)
        out.appendLittleEndian(messageHash.low)
    }
}
