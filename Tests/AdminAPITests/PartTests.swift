import Foundation
import HTTPTypes
import PostgreSQL
import TestSupport
import Testing

@testable import AdminAPI
@testable import Catalog

@Suite struct PartTests {
    private static func events(_ chunks: [[UInt8]], boundary: String = "b") throws -> [MultipartParser.Event] {
        var parser = MultipartParser(boundary: boundary)
        var events: [MultipartParser.Event] = []
        for chunk in chunks {
            try parser.feed(chunk) { event in
                if case .bytes(let more) = event, case .bytes(let before)? = events.last {
                    events[events.count - 1] = .bytes(before + more)
                } else {
                    events.append(event)
                }
            }
        }
        try parser.finish()
        return events
    }

    private static let body = Array(
        """
        --b\r
        Content-Disposition: form-data; name="manifest"; filename="m.json"\r
        Content-Type: application/json\r
        \r
        {"a": "\r\n--"}\r
        --b\r
        content-disposition: form-data; name="library"\r
        \r
        \u{7F}ELF\r\n\r\n--\r\n-b\r\n--c\r
        --b\r
        Content-Disposition: form-data; name="empty"\r
        \r
        \r
        --b--\r
        """.utf8
    )

    private static let expected: [MultipartParser.Event] = [
        .part(name: "manifest"), .bytes(Array("{\"a\": \"\r\n--\"}".utf8)), .part(name: "library"),
        .bytes(Array("\u{7F}ELF\r\n\r\n--\r\n-b\r\n--c".utf8)), .part(name: "empty"), .end,
    ]

    @Test func `A form is understood however it is cut into pieces`() throws {
        #expect(try Self.events([Self.body]) == Self.expected)
        #expect(try Self.events(Self.body.map { [$0] }) == Self.expected)
        for cut in 0...Self.body.count {
            #expect(try Self.events([Array(Self.body[..<cut]), Array(Self.body[cut...])]) == Self.expected)
        }
    }

    @Test(arguments: [
        ("", "cut"), ("--b", "cut"), ("x--b\r\n", "noDelimiter"), ("--bxy", "afterDelimiter"),
        ("--b\r\n\r\n\r\n", "badHeaders"),
        ("--b\r\nContent-Type: a\r\n\r\n", "badHeaders"),
        ("--b\r\n" + String(repeating: "a", count: 5000), "longHeaders"),
        ("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nabc\r\n--b", "cut"),
        (
            String(repeating: "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", count: 9) + "--b--",
            "tooManyParts"
        ),
    ])
    func `A form that is wrong is refused`(body: String, fault: String) {
        let error = #expect(throws: MultipartParser.Fault.self) { try Self.events([Array(body.utf8)]) }
        #expect(error.map { "\($0)" } == fault)
    }

    @Test(arguments: [
        ("multipart/form-data; boundary=abc", "abc"), ("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"", "a b"),
        ("multipart/form-data", nil), ("multipart/mixed; boundary=abc", nil), ("multipart/form-data; boundary=", nil),
        ("multipart/form-data; boundary=" + String(repeating: "x", count: 71), nil),
    ])
    func `The boundary is found in the content type`(type: String, boundary: String?) {
        #expect(MultipartParser.boundary(ofContentType: type) == boundary)
    }

    @Test func `What the database cannot do now is worth another try, and a fault is not`() {
        let away = APIAnswer(APIError(CatalogError.database(.connectionFailed(reason: "refused"))))
        #expect(away.status == .serviceUnavailable && away.headers[.retryAfter] == "1")
        let fault = APIError(CatalogError.database(.unexpectedResult(query: "q", column: 0, expected: "text")))
        #expect(fault.status == .internalServerError && fault.code == "database_result")
    }

    @Test func `Moments are written as Foundation writes them`() {
        var random = SplitMix(seed: 7)
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for _ in 0..<2_000 {
            // Eighths of a second are exact in Foundation's floating point too.
            let milliseconds = Int64.random(in: -16_000_000_000...320_000_000_000, using: &random) * 125
            let date = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
            #expect(Timestamp.text(microseconds: milliseconds * 1000) == date.formatted(format))
        }
    }

    @Test(arguments: [
        ("a%2Fb", "a/b"), ("%C3%A9", "é"), ("a%", nil), ("a%2", nil), ("a%zz", nil), ("%ff", nil), ("+", "+"),
    ])
    func `A part of a path is read without its percent signs`(text: String, meaning: String?) {
        #expect(APICall.decoded(text) == meaning)
    }
}
