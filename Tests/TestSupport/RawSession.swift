import NIOCore
import NIOPosix
package import PostgreSQL

/// A PostgreSQL session that sends exactly the messages it is told to, for clients that stop where libpq never would.
package struct RawSession {
    private typealias Stream = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var heard = ByteBuffer()
    /// The process that serves the session.
    package private(set) var processID: Int32 = 0

    package struct Ended: Error {}

    /// Gives `body` a session with the database, through its socket and without a password, and cuts it afterwards.
    package static func with<Result: Sendable>(
        _ settings: ConnectionSettings,
        _ body: (inout RawSession) async throws -> Result
    ) async throws -> Result {
        // host='…' user='…' dbname='…'
        let words = settings.address.split(separator: "'").map(String.init)
        let (folder, user, database) = (words[1], words[3], words[5])
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: folder + "/.s.PGSQL.5432") { channel in
                channel.eventLoop.makeCompletedFuture { try Stream(wrappingChannelSynchronously: channel) }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var session = RawSession(inbound: inbound.makeAsyncIterator(), outbound: outbound)
            try await session.begin(user: user, database: database)
            return try await body(&session)
        }
    }

    private init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
        outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound
        self.outbound = outbound
    }

    private mutating func begin(user: String, database: String) async throws {
        var start = ByteBuffer()
        // Version 3.0.
        start.writeInteger(Int32(196_608))
        for word in ["user", user, "database", database] { start.writeNullTerminatedString(word) }
        start.writeInteger(UInt8(0))
        var message = ByteBuffer(integer: Int32(start.readableBytes + 4))
        message.writeBuffer(&start)
        try await outbound.write(message)
        try await wait(for: "Z")
    }

    /// Sends a simple message, which the server ends by itself, whether or not anybody reads its answer.
    package func send(_ sql: String) async throws {
        var bytes = ByteBuffer()
        write("Q", to: &bytes) { $0.writeNullTerminatedString(sql) }
        try await outbound.write(bytes)
    }

    /// Sends a statement up to the message that runs it, without the one after which it would be over.
    package func execute(_ sql: String) async throws {
        var bytes = ByteBuffer()
        write("P", to: &bytes) { body in
            body.writeNullTerminatedString("")
            body.writeNullTerminatedString(sql)
            body.writeInteger(Int16(0))
        }
        write("B", to: &bytes) { body in
            body.writeNullTerminatedString("")
            body.writeNullTerminatedString("")
            for _ in 0..<3 { body.writeInteger(Int16(0)) }
        }
        write("E", to: &bytes) { body in
            body.writeNullTerminatedString("")
            body.writeInteger(Int32(0))
        }
        // Flush: say what there is to say.
        write("H", to: &bytes) { _ in }
        try await outbound.write(bytes)
    }

    /// Ends what was executed.
    package func sync() async throws {
        var bytes = ByteBuffer()
        write("S", to: &bytes) { _ in }
        try await outbound.write(bytes)
    }

    /// Waits for a message of this type; `C` says that a statement was run, `Z` that everything is over.
    package mutating func wait(for type: Character) async throws {
        while true {
            while let (found, body) = next() {
                if found == "K" { processID = body.getInteger(at: body.readerIndex, as: Int32.self) ?? 0 }
                if found == type { return }
                // The server refuses.
                if found == "E" { throw Ended() }
            }
            guard let more = try await inbound.next(isolation: #isolation) else { throw Ended() }
            heard.writeImmutableBuffer(more)
        }
    }

    private mutating func next() -> (Character, ByteBuffer)? {
        guard let length = heard.getInteger(at: heard.readerIndex + 1, as: Int32.self),
            heard.readableBytes > Int(length), let type = heard.readInteger(as: UInt8.self)
        else { return nil }
        heard.moveReaderIndex(forwardBy: 4)
        return heard.readSlice(length: Int(length) - 4).map { (Character(UnicodeScalar(type)), $0) }
    }

    private func write(_ type: Character, to bytes: inout ByteBuffer, _ make: (inout ByteBuffer) -> Void) {
        var body = ByteBuffer()
        make(&body)
        bytes.writeString(String(type))
        bytes.writeInteger(Int32(body.readableBytes + 4))
        bytes.writeBuffer(&body)
    }
}
