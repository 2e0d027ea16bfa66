import Testing

@testable import EventJSON

/// UTF-8, as table 3-7 of the Unicode Standard has it, at every place inside a word of eight bytes.
struct UnicodeTests {
    private func isAccepted(_ content: [UInt8], after padding: Int = 0) -> Bool {
        let before = [UInt8](repeating: UInt8(ascii: "a"), count: padding)
        return refusal(of: utf8("[\"") + before + content + utf8("\"]")) == nil
    }

    /// Whether the standard library can decode `content`: it has no lenient reading.
    private func isUTF8(_ content: [UInt8]) -> Bool { String(validating: content, as: UTF8.self) != nil }

    @Test func `All pairs of bytes are judged as Unicode judges them`() {
        for first in UInt8(0x80)...0xFF {
            #expect(isAccepted([first]) == false)
            for second in UInt8(0)...0xFF where second >= 0x20 && second != 0x22 && second != 0x5C {
                #expect(isAccepted([first, second]) == isUTF8([first, second]))
            }
        }
    }

    @Test func `Sequences of three and four bytes are judged as Unicode judges them at their borders`() {
        let borders: [UInt8] = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xFF]
        for first in UInt8(0xE0)...0xFF {
            for second in borders {
                for third in borders {
                    #expect(isAccepted([first, second, third]) == isUTF8([first, second, third]))
                    for fourth in borders {
                        let content = [first, second, third, fourth]
                        #expect(isAccepted(content, after: Int(fourth % 9)) == isUTF8(content))
                    }
                }
            }
        }
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80], [0xEF, 0xBF],
            [0xF0, 0x80, 0x80, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF0, 0x9F, 0x98], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
            [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xFF, 0xFE], [0xE9],
        ] as [[UInt8]]
    )
    func `Bytes that are not UTF-8 are refused where they begin`(content: [UInt8]) {
        for padding in 0..<20 {
            let before = [UInt8](repeating: UInt8(ascii: "a"), count: padding)
            let expected = JSONError(.invalidUTF8, at: 2 + padding)
            for after in ["\"]", "zzzzzzzzzzzzzzzzzzzz\"]"] {
                let error = refusal(of: utf8("[\"") + before + content + utf8(after))
                #expect(error?.kind == expected.kind)
                #expect((error?.offset ?? 0) >= expected.offset)
            }
            let inKey = refusal(of: utf8("{\"") + before + content + utf8("\":1}"))
            #expect(inKey?.kind == .invalidUTF8)
        }
    }

    @Test func `Text in UTF-16 or with a byte order mark is refused`() {
        #expect(refusal(of: [0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00]) != nil)
        #expect(refusal(of: [0x00, 0x5B, 0x00, 0x5D]) != nil)
        #expect(refusal(of: [0xEF, 0xBB, 0xBF, 0x5B, 0x5D]) == JSONError(.unexpectedByte, at: 0))
        #expect(refusal(of: [0xEF, 0xBB]) == JSONError(.unexpectedByte, at: 0))
    }
}
