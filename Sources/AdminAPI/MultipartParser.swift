/// Takes a `multipart/form-data` body apart while it arrives.
///
/// Only what uploads use: the first line is a delimiter, every part has a `Content-Disposition` with a name.
/// - Source: RFC 7578, RFC 2046 section 5.1.
struct MultipartParser {
    enum Event: Equatable {
        case part(name: String)
        case bytes([UInt8])
        case end
    }

    enum Fault: String, Error, Equatable {
        case noDelimiter = "does not begin with its boundary"
        case badHeaders = "has a part without a readable Content-Disposition"
        case longHeaders = "has a part whose headers are too long"
        case afterDelimiter = "has something unexpected after a boundary"
        case tooManyParts = "has too many parts"
        case cut = "ends before its closing boundary"
    }

    private enum State { case start, headers, content, delimited, done }

    /// The longest headers of one part, in bytes.
    static let maximumHeaderBytes = 4096
    /// The longest boundary, in characters, by RFC 2046.
    static let maximumBoundary = 70
    static let maximumParts = 8

    private let delimiter: [UInt8]
    private var state = State.start
    /// What has arrived and is not yet understood.
    private var pending: [UInt8] = []
    private var parts = 0

    init(boundary: String) {
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter has no line before it; with one it is like all others.
        pending = [0x0D, 0x0A]
    }

    /// The boundary that a content type names, if it is `multipart/form-data`.
    static func boundary(ofContentType type: String) -> String? {
        let fields = type.split(separator: ";").map { $0.trimming { $0 == " " } }
        guard fields.first?.lowercased() == "multipart/form-data" else { return nil }
        guard let field = fields.dropFirst().first(where: { $0.lowercased().hasPrefix("boundary=") }) else {
            return nil
        }
        let value = field.dropFirst("boundary=".count).trimming { $0 == "\"" }
        return (1...maximumBoundary).contains(value.utf8.count) ? String(value) : nil
    }

    /// Understands as much as it can of what has arrived.
    mutating func feed(_ bytes: some Sequence<UInt8>, _ handle: (Event) throws -> Void) throws {
        pending.append(contentsOf: bytes)
        while try step(handle) {}
    }

    /// Says that nothing more comes.
    func finish() throws(Fault) {
        guard state == .done else { throw .cut }
    }

    /// One step; false when more must arrive first.
    private mutating func step(_ handle: (Event) throws -> Void) throws -> Bool {
        switch state {
        case .start:
            guard pending.count >= delimiter.count else { return false }
            guard pending.starts(with: delimiter) else { throw Fault.noDelimiter }
            pending.removeFirst(delimiter.count)
            state = .delimited
            return true
        case .delimited:
            guard pending.count >= 2 else { return false }
            let two = Array(pending.prefix(2))
            pending.removeFirst(2)
            if two == Array("--".utf8) {
                state = .done
                try handle(.end)
            } else if two == [0x0D, 0x0A] {
                parts += 1
                guard parts <= Self.maximumParts else { throw Fault.tooManyParts }
                state = .headers
            } else {
                throw Fault.afterDelimiter
            }
            return true
        case .headers:
            guard let end = Self.find([0x0D, 0x0A, 0x0D, 0x0A], in: pending, from: 0) else {
                guard pending.count <= Self.maximumHeaderBytes else { throw Fault.longHeaders }
                return false
            }
            guard end <= Self.maximumHeaderBytes else { throw Fault.longHeaders }
            guard let name = Self.name(String(decoding: pending[..<end], as: UTF8.self)) else {
                throw Fault.badHeaders
            }
            pending.removeFirst(end + 4)
            state = .content
            try handle(.part(name: name))
            return true
        case .content:
            return try content(handle)
        case .done:
            // An epilogue is allowed and means nothing.
            pending.removeAll()
            return false
        }
    }

    private mutating func content(_ handle: (Event) throws -> Void) throws -> Bool {
        if let end = Self.find(delimiter, in: pending, from: 0) {
            if end > 0 { try handle(.bytes(Array(pending[..<end]))) }
            pending.removeFirst(end + delimiter.count)
            state = .delimited
            return true
        }
        // A delimiter may have arrived in part.
        let safe = pending.count - delimiter.count + 1
        guard safe > 0 else { return false }
        try handle(.bytes(Array(pending[..<safe])))
        pending.removeFirst(safe)
        return false
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + needle.count <= bytes.count {
            guard let hit = bytes[index...].firstIndex(of: needle[0]), hit + needle.count <= bytes.count else {
                return nil
            }
            if bytes[hit..<hit + needle.count].elementsEqual(needle) { return hit }
            index = hit + 1
        }
        return nil
    }

    private static func name(_ headers: String) -> String? {
        for line in headers.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":"),
                line[..<colon].lowercased() == "content-disposition"
            else { continue }
            let match = line.firstMatch(of: /;\s*name="([^"]{1,64})"/)
            return match.map { String($0.1) }
        }
        return nil
    }
}

extension StringProtocol {
    /// Without the characters at both ends for which `drop` is true.
    fileprivate func trimming(_ drop: (Character) -> Bool) -> SubSequence {
        var rest = self.drop(while: drop)
        while let last = rest.last, drop(last) { rest.removeLast() }
        return rest
    }
}
