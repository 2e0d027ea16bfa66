import LeatSDK
import TestSupport
import Testing

@Suite struct MultipartTests {
    /// Prints what Python's own parser of mail finds: name, file name, type and bytes of each part.
    private static let reader = """
        import sys, json, email.parser, email.policy
        kind = sys.stdin.readline().strip()
        body = bytes.fromhex(sys.stdin.readline().strip())
        text = b"Content-Type: " + kind.encode() + b"\\r\\nMIME-Version: 1.0\\r\\n\\r\\n" + body
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(text)
        assert not message.defects, message.defects
        for part in message.iter_parts():
            field = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True).hex()
            print(field, part.get_filename(), part.get_content_type(), content, sep="|")
        """

    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    @Test func `Another reader finds every part as it was put in`() async throws {
        var form = MultipartBody()
        let bytes = (0...255).map { UInt8($0) }
        form.add("kind", "import é")
        form.add("a\"b\r\nX-Evil: 1", "sly")
        form.add(
            "file",
            fileName: "e\"v\n.jsonl",
            contentType: "application/x-ndjson\r\nX-Evil: 2",
            Array("{}\n{}\n".utf8)
        )
        form.add("raw", fileName: "raw.bin", bytes)
        var request = Request(url: "https://example.com/")
        request.setMultipart(form)
        let input = "\(request.contentType)\n\(hex(request.body))\n"
        let read = try await Program.run(["python3", "-c", Self.reader], input: input)
        #expect(read.status == 0, "\(read.errors)")
        let lines = read.output.split(separator: "\n").map(String.init)
        #expect(
            lines == [
                "kind|None|text/plain|\(hex("import é".utf8))",
                "a%22b%0D%0AX-Evil: 1|None|text/plain|\(hex("sly".utf8))",
                "file|e%22v%0A.jsonl|application/x-ndjsonx-evil: 2|\(hex("{}\n{}\n".utf8))",
                "raw|raw.bin|application/octet-stream|\(hex(bytes))",
            ]
        )
        #expect(Request.problem(withHeader: "Content-Type", value: request.contentType) == nil)
    }

    @Test func `A boundary occurs in no part, and is the same for the same parts`() {
        func made(_ content: String) -> Request {
            var form = MultipartBody()
            form.add("a", content)
            var request = Request(url: "https://example.com/")
            request.setMultipart(form)
            return request
        }
        let first = made("text")
        #expect(first.body == made("text").body && first.contentType == made("text").contentType)
        #expect(first.contentType != made("other").contentType)
        // A part that holds the boundary of another body has one of its own.
        let nested = made(String(decoding: first.body, as: UTF8.self))
        let boundary = nested.contentType.dropFirst("multipart/form-data; boundary=".count)
        let marks = String(decoding: nested.body, as: UTF8.self).ranges(of: "--\(boundary)")
        #expect(marks.count == 2)
    }

    @Test func `A form without parts is only its end`() {
        var request = Request(url: "https://example.com/")
        request.setMultipart(MultipartBody())
        #expect(String(decoding: request.body, as: UTF8.self).hasSuffix("--\r\n"))
    }
}
