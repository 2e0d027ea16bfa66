import NIOCore
import NIOPosix
package import PostgreSQL

/// A session with PostgreSQL whose program is stopped after a statement was carried out, and before it sent what would
/// end the transaction: it sends Parse, Bind, Execute and Flush, but never Sync.
/// - Source: the chapter on the message flow of PostgreSQL's frontend protocol 3.0.
package struct StoppedSession {
    private struct Refused: Error { let words: String }

    /// Carries `sql` out in such a session, and calls `body` while it stands still.
    package static func holding(
        _ sql: String,
        on settings: ConnectionSettings,
        _ body: @Sendable @escaping () async throws -> Void
    ) async throws {
        func value(_ key: String) throws -> String {
            guard let start = settings.address.firstRange(of: "\(key)='")?.upperBound else { throw Refused(words: key) }
            return String(settings.address[start...].prefix { $0 != "'" })
        }
        let (user, database) = (try value("user"), try value("dbname"))
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: try value("host") + "/.s.PGSQL.5432") { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            var start = ByteBuffer()
            start.writeInteger(196_608 as Int32)
            for word in ["user", user, "database", database] { start.writeNullTerminatedString(word) }
            start.writeInteger(0 as UInt8)
            try await outbound.write(framed(start))
            var said = ByteBuffer()
            var isDone = false
            for try await piece in inbound {
                said.writeImmutableBuffer(piece)
                while let (kind, words) = next(&said), !isDone {
                    switch kind {
                    case "E": throw Refused(words: String(buffer: words))
                    case "Z": try await outbound.write(statement(sql))
                    case "C": isDone = true
                    default: break
                    }
                }
                if isDone { break }
            }
            guard isDone else { throw Refused(words: "the session ended") }
            try await body()
        }
    }

    /// A message without a type, as the first one is.
    private static func framed(_ body: ByteBuffer, _ type: Character? = nil) -> ByteBuffer {
        var message = ByteBuffer()
        if let byte = type?.asciiValue { message.writeInteger(byte) }
        message.writeInteger(Int32(body.readableBytes + 4))
        message.writeImmutableBuffer(body)
        return message
    }

    private static func statement(_ sql: String) -> ByteBuffer {
        var parse = ByteBuffer()
        parse.writeNullTerminatedString("")
        parse.writeNullTerminatedString(sql)
        parse.writeInteger(0 as Int16)
        var bind = ByteBuffer()
        for _ in 0..<2 { bind.writeNullTerminatedString("") }
        for _ in 0..<3 { bind.writeInteger(0 as Int16) }
        var execute = ByteBuffer()
        execute.writeNullTerminatedString("")
        execute.writeInteger(0 as Int32)
        var all = framed(parse, "P")
        all.writeImmutableBuffer(framed(bind, "B"))
        all.writeImmutableBuffer(framed(execute, "E"))
        all.writeImmutableBuffer(framed(ByteBuffer(), "H"))
        return all
    }

    /// Takes the next whole message out of what the server said.
    private static func next(_ said: inout ByteBuffer) -> (Character, ByteBuffer)? {
        guard let length = said.getInteger(at: said.readerIndex + 1, as: Int32.self),
            said.readableBytes >= Int(length) + 1, let type = said.readInteger(as: UInt8.self)
        else { return nil }
        said.moveReaderIndex(forwardBy: 4)
        return said.readSlice(length: Int(length) - 4).map { (Character(UnicodeScalar(type)), $0) }
    }
}
