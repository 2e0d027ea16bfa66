import CCompression

/// How a request body is encoded.
enum ContentCoding: Equatable, Sendable {
    case identity
    case gzip
    case deflate

    /// The coding that a `Content-Encoding` header names, or nil for one that is not supported.
    init?(header: String?) {
        guard let header else {
            self = .identity
            return
        }
        switch header.lowercased().filter({ $0 != " " && $0 != "\t" }) {
        case "", "identity": self = .identity
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        default: return nil
        }
    }
}

/// Why a compressed body could not be read.
enum InflateError: Error, Equatable {
    /// More bytes came out than allowed; reading stopped there.
    case tooLarge
    /// The bytes are not what `Content-Encoding` says.
    case corrupt
    /// The body ended inside the compressed data.
    case truncated
    /// zlib got no memory.
    case noMemory
}

/// Inflates one request body while it is read, and never makes more than the caller's limit of it.
///
/// Owns the state of zlib, hence not copyable. A gzip body may consist of several members; `deflate` is taken with and
/// without the zlib frame, because senders disagree about its meaning.
///
/// - Source: zlib.h; RFC 1950, RFC 1951, RFC 1952, RFC 9110 section 8.4.1.
@safe struct Inflater: ~Copyable {
    /// How much room the output is given at a time, in bytes.
    private static let stepBytes = 64 * 1024

    private let coding: ContentCoding
    private var stream: UnsafeMutablePointer<z_stream>?
    private var finished = false

    init(_ coding: ContentCoding) {
        self.coding = coding
    }

    deinit {
        guard let stream = unsafe stream else { return }
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Inflates `input` and appends it to `output`, which may grow to `limit` bytes.
    mutating func inflate(
        _ input: some Collection<UInt8>,
        into output: inout [UInt8],
        limit: Int
    ) throws(InflateError) {
        guard let first = input.first else { return }
        let stream = try unsafe open(first)
        var result: Result<Void, InflateError>?
        _ = input.withContiguousStorageIfAvailable { bytes in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(bytes.count)
            result = unsafe drain(stream, into: &output, limit: limit)
            unsafe stream.pointee.next_in = nil
            unsafe stream.pointee.avail_in = 0
        }
        switch result {
        case .some(let result): try result.get()
        case .none: try inflate(ContiguousArray(input), into: &output, limit: limit)
        }
    }

    /// Says whether the body was whole.
    func finish() throws(InflateError) {
        guard finished else { throw .truncated }
    }

    private mutating func drain(
        _ stream: UnsafeMutablePointer<z_stream>,
        into output: inout [UInt8],
        limit: Int
    ) -> Result<Void, InflateError> {
        while true {
            if finished {
                // Another member may follow; the end of the last one is the end of the body otherwise.
                guard unsafe stream.pointee.avail_in > 0 else { return .success(()) }
                guard coding == .gzip, unsafe inflateReset(stream) == Z_OK else { return .failure(.corrupt) }
                finished = false
            }
            // One byte more than allowed tells "exactly the limit" from "too large".
            let room = min(Self.stepBytes, limit + 1 - output.count)
            let before = output.count
            var status = Z_OK
            unsafe output.withRoom(for: room) { bytes in
                unsafe stream.pointee.next_out = bytes
                unsafe stream.pointee.avail_out = UInt32(room)
                status = unsafe CCompression.inflate(stream, Z_NO_FLUSH)
                return unsafe room - Int(stream.pointee.avail_out)
            }
            if output.count > limit { return .failure(.tooLarge) }
            switch status {
            case Z_STREAM_END: finished = true
            case Z_OK where output.count - before == room: continue
            case Z_OK, Z_BUF_ERROR: return .success(())
            case Z_MEM_ERROR: return .failure(.noMemory)
            default: return .failure(.corrupt)
            }
        }
    }

    private mutating func open(_ first: UInt8) throws(InflateError) -> UnsafeMutablePointer<z_stream> {
        if let stream = unsafe stream { return unsafe stream }
        let made = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe made.initialize(to: z_stream())
        let bits: Int32 =
            switch coding {
            case .gzip: 15 + 16
            // A zlib frame starts with the method 8 in its low half. A raw stream that starts so would be a stored
            // block with odd padding, which no compressor makes.
            case .deflate, .identity: first & 0x0F == 8 ? 15 : -15
            }
        let status = unsafe inflateInit2_(made, bits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            unsafe made.deallocate()
            throw .noMemory
        }
        unsafe stream = made
        return unsafe made
    }
}

extension [UInt8] {
    /// Lets `body` write up to `count` bytes after the last one and say how many it wrote.
    fileprivate mutating func withRoom(for count: Int, _ body: (UnsafeMutablePointer<UInt8>?) -> Int) {
        let old = self.count
        append(contentsOf: repeatElement(0, count: count))
        let written = unsafe withUnsafeMutableBufferPointer { bytes in
            unsafe body(bytes.baseAddress.map { unsafe $0 + old })
        }
        removeLast(count - written)
    }
}
