/// The body of a request of the type `multipart/form-data`, part by part.
///
/// ```swift
/// var form = MultipartBody()
/// form.add("kind", "import")
/// form.add("events", fileName: "events.jsonl", contentType: "application/x-ndjson", lines)
/// request.setMultipart(form)
/// ```
public struct MultipartBody: Sendable {
    private var parts: [(head: String, content: [UInt8])] = []

    /// A body without a part.
    public init() {}

    /// Adds a field with a text.
    ///
    /// - Parameters:
    ///   - name: The field's name.
    ///   - text: Its value.
    public mutating func add(_ name: String, _ text: String) {
        parts.append(("Content-Disposition: form-data; name=\"\(Self.escaped(name))\"", Array(text.utf8)))
    }

    /// Adds a file.
    ///
    /// - Parameters:
    ///   - name: The field's name.
    ///   - fileName: What the file is called.
    ///   - contentType: The type of its content; what cannot stand in a header is left out of it.
    ///   - content: Its bytes.
    public mutating func add(
        _ name: String,
        fileName: String,
        contentType: String = "application/octet-stream",
        _ content: [UInt8]
    ) {
        let type = String(decoding: contentType.utf8.filter { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
        let head =
            "Content-Disposition: form-data; name=\"\(Self.escaped(name))\"; filename=\"\(Self.escaped(fileName))\"\r\n"
            + "Content-Type: \(type)"
        parts.append((head, content))
    }

    /// A name as browsers write it: what would end it, or the line, is percent-encoded.
    ///
    /// - Source: WHATWG HTML, section 4.10.21.8.
    private static func escaped(_ name: String) -> String {
        var text: [UInt8] = []
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "\""): text += "%22".utf8
            case 0x0D: text += "%0D".utf8
            case 0x0A: text += "%0A".utf8
            case 0: text += "%00".utf8
            default: text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A line that occurs in no part: made from the parts, so that a repetition is the same to the last byte.
    var boundary: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for part in parts {
            for byte in part.head.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            for byte in part.content { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        while true {
            let digits = String(hash, radix: 16)
            let boundary = "leat-" + String(repeating: "0", count: 16 - digits.utf8.count) + digits
            let mark = Array("--\(boundary)".utf8)
            if !parts.contains(where: { Self.contains(mark, in: $0.content) }) { return boundary }
            hash = hash &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        }
    }

    private static func contains(_ mark: [UInt8], in content: [UInt8]) -> Bool {
        guard content.count >= mark.count else { return false }
        var start = 0
        while start <= content.count - mark.count {
            guard let dash = content[start...].firstIndex(of: mark[0]), dash <= content.count - mark.count else {
                return false
            }
            if content[dash..<(dash + mark.count)].elementsEqual(mark) { return true }
            start = dash + 1
        }
        return false
    }

    /// The bytes of the body.
    func bytes(_ boundary: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(64) { $0 + $1.head.utf8.count + $1.content.count + 64 })
        for part in parts {
            bytes += "--\(boundary)\r\n\(part.head)\r\n\r\n".utf8
            bytes += part.content
            bytes += "\r\n".utf8
        }
        bytes += "--\(boundary)--\r\n".utf8
        return bytes
    }
}

extension Request {
    /// Makes the body a form, and says so in ``contentType``.
    ///
    /// - Parameter form: The parts.
    public mutating func setMultipart(_ form: MultipartBody) {
        let boundary = form.boundary
        body = form.bytes(boundary)
        contentType = "multipart/form-data; boundary=\(boundary)"
    }
}
