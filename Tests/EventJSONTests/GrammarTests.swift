import Testing

@testable import EventJSON

/// Every rule of RFC 8259, from both sides.
struct GrammarTests {
    @Test(arguments: [
        // Any value may be the document (section 2).
        "null", "true", "false", "0", "-0", "1", "\"\"", "\"a\"", "[]", "{}",
        // Space around each of the six structural characters, and of each of the four kinds.
        " [ ] ", "\t{\n}\r", "\r\n[\r\n1\r\n,\r\n2\r\n]\r\n", "{ \"a\" : 1 , \"b\" : 2 }", "  0  ", "\n\n\"a\"\t\t",
        "[1\n,\t2\r, 3 ]", "                                  [                                  ]",
        // Arrays and objects, empty, nested and mixed.
        "[[]]", "[{}]", "{\"a\":[]}", "{\"a\":{}}", "[[],[],[]]", "[[[[[[[[]]]]]]]]", "[1,\"a\",null,true,false,{},[]]",
        "{\"a\":{\"b\":{\"c\":[1,{\"d\":2}]}}}", "[{\"a\":1},{\"a\":2}]", "{\"a\":[1,2],\"b\":[3,4]}",
        // Names: empty, repeated, escaped, with every character that needs no escape.
        "{\"\":0}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":1}", "{\"\\u0061\":1,\"a\":2}", "{\"\\u0000\":1}",
        "{\"foo\\u0000bar\":42}", "{\"'\":1}", "{\"a b.c[0]\":1}",
        // Numbers: each part there and missing.
        "[0]", "[-0]", "[10]", "[-1]", "[1234567890]", "[0.0]", "[0.5]", "[-0.5]", "[1.5]", "[-123.456]", "[0e0]",
        "[0E0]",
        "[1e5]", "[1E5]", "[1e+5]", "[1E+5]", "[1e-5]", "[1E-5]", "[0.1e1]", "[1.25E+10]", "[-1.25e-10]", "[1e05]",
        "[1e00]", "[0.00]", "[1.000]", "[100000000000000000000]", "[-9223372036854775808]", "[9223372036854775807]",
        "[18446744073709551616]", "[123456789012345678901234567890.123456789012345678901234567890e-999]",
        "[1e400]", "[-1e400]", "[1e-400]", "[0e999999999999999999999]", "20", "-1.5e3", "1 ",
        // Strings: every escape, in both cases of digits.
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\u0000\"]", "[\"\\u001f\"]", "[\"\\u00e9\\u00E9\"]",
        "[\"\\uABCD\\uabcd\"]",
        "[\"\\\\u0000\"]", "[\"\\\\\"]", "[\"\\\\n\"]", "[\"\\\"\"]", "[\"a\\\"b\"]", "[\"/\"]", "[\"\\/\"]",
        // Surrogates: pairs, and halves, which the grammar allows (section 8.2).
        "[\"\\uD834\\uDD1E\"]", "[\"\\ud801\\udc37\"]", "[\"\\uD800\"]", "[\"\\uDC00\"]", "[\"\\uD800\\uD800\"]",
        "[\"\\uDC00\\uD800\"]", "[\"\\uD800a\"]", "[\"\\uD800\\n\"]", "[\"\\uDFFF\\u0041\"]",
        // Every scalar from U+0020 on may stand unescaped, DEL, C1, separators and non-characters too.
        "[\"\u{7F}\"]", "[\"\u{80}\"]", "[\"\u{9F}\"]", "[\"\u{A0}\"]", "[\"\u{7FF}\"]", "[\"\u{800}\"]",
        "[\"\u{2028}\u{2029}\"]",
        "[\"\u{D7FF}\"]", "[\"\u{E000}\"]", "[\"\u{FEFF}\"]", "[\"\u{FFFD}\"]",
        "[\"\u{10000}\"]", "[\"\u{10FFFF}\"]", "[\"€𝄞é\"]", "\"日本語のテキスト\"", "{\"ключ\":\"значение\"}",
    ])
    func `What the grammar allows is accepted`(text: String) {
        #expect(refusal(of: utf8(text)) == nil)
    }

    @Test(arguments: [
        // Nothing, only space, only part of a value.
        "", " ", "\n", "[", "{", "\"", "[1", "[1,", "[\"a\"", "[\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "-",
        "t", "tru",
        "f", "fals", "n", "nul", "[[]", "[{}", "{\"a\":[]", "{\"a\":{}", "[\"", "[\"\\", "[\"\\u", "[\"\\u00", "[-",
        "[1.", "[1e",
        "\"a", "\"\\", "\"\\u12",
    ])
    func `A text that stops is refused at its end`(text: String) {
        #expect(refusal(of: utf8(text)) == JSONError(.unexpectedEnd, at: text.utf8.count))
    }

    @Test(arguments: [
        // More than one value, or something else behind it.
        ("1 2", 2), ("[] []", 3), ("{}{}", 2), ("[]]", 2), ("{}}", 2), ("null,", 4), ("\"a\"b", 3), ("[],", 2),
        ("{},", 2),
        ("[]#", 2), ("[]\0", 2), ("1\0", 1), ("{}\u{FEFF}", 2), ("\"a\":1", 3), ("[1] // note", 4), ("truefalse", 4),
        ("nullx", 4), ("true]", 4), ("{}/**/", 2), ("0x", 1), ("\"\"\"\"", 2), ("[]true]", 2), ("{} ]", 3),
    ])
    func `Nothing may follow the value`(text: String, offset: Int) {
        #expect(refusal(of: utf8(text)) == JSONError(.trailingBytes, at: offset))
    }

    @Test(arguments: [
        // Commas.
        ("[,]", 1), ("[1,]", 3), ("[,1]", 1), ("[1,,2]", 3), ("[1 2]", 3), ("[\"a\" \"b\"]", 5), ("[1;2]", 2),
        ("{,}", 1),
        ("{\"a\":1,}", 7), ("{,\"a\":1}", 1), ("{\"a\":1,,\"b\":2}", 7), ("{\"a\":1 \"b\":2}", 7), ("[[],]", 4),
        ("[{} {}]", 4),
        (",", 0), ("{\"a\":1;\"b\":2}", 6),
        // Colons and names.
        ("{\"a\"}", 4), ("{\"a\" 1}", 5), ("{\"a\"::1}", 5), ("{\"a\",1}", 4), ("{:1}", 1), ("{1:2}", 1), ("{a:1}", 1),
        ("{'a':1}", 1),
        ("{null:1}", 1), ("{[]:1}", 1), ("{{}:1}", 1), ("{\"a\":}", 5), ("{\"a\":,}", 5), ("{\"a\"=1}", 4),
        ("[\"a\":1]", 4),
        ("{\"a\":1:2}", 6), ("{\"a\":1,\"b\"}", 10), ("{\"a\":1,2}", 7), ("{\"a\":1,{}}", 7), (":", 0), ("[:]", 1),
        // Brackets.
        ("]", 0), ("}", 0), ("[}", 1), ("{]", 1), ("[1}", 2), ("{\"a\":1]", 6), ("[[}]", 2), ("{\"a\":[}}", 6),
        ("[{]}", 2), ("(1)", 0),
        ("<1>", 0), ("[1,2}", 4), ("{\"a\":{]}", 6),
        // Words.
        ("True", 0), ("TRUE", 0), ("[tRue]", 2), ("[truE]", 4), ("[falsy]", 5), ("[nulL]", 4), ("nil", 1), ("[nan]", 2),
        ("NaN", 0), ("Infinity", 0), ("undefined", 0), ("[t]", 2), ("[f]", 2), ("[fals]", 5), ("[n]", 2),
        ("[true1]", 5), ("[nullnull]", 5),
        ("[fal\"se]", 4), ("[a]", 1), ("abc", 0), ("[truetrue]", 5), ("[tru]", 4),
        // What is not space: other white space of Unicode, form feed, vertical tab, comments, a byte order mark, zero.
        ("\u{FEFF}{}", 0), ("\u{FEFF}1", 0), ("[\u{A0}]", 1), ("[\u{2028}]", 1), ("[\u{0C}]", 1), ("[\u{0B}]", 1),
        ("\u{0C}[]", 0),
        ("[1\u{0B},2]", 2), ("/**/1", 0), ("[/*1*/]", 1), ("[1/*,*/]", 2), ("// x\n1", 0), ("# x\n1", 0), ("[\0]", 1),
        ("\0", 0),
        ("[1\0]", 2), ("{\"a\"\0:1}", 4), ("{\0}", 1), ("[\u{1}]", 1), ("[\u{7F}]", 1), ("[\u{85}]", 1),
        ("[\u{3000}]", 1),
        // Other notations.
        ("['a']", 1), ("'a'", 0), ("[`a`]", 1), ("[\\n]", 1), ("[\\u0022a\"]", 1), ("é", 0), ("[é]", 1), ("*", 0),
        ("[*]", 1), ("$", 0),
        ("{a}", 1), ("{'a'}", 1), ("{\"a\":a}", 5), ("{\"a\":'b'}", 5), ("[@]", 1), ("[\"a\",b]", 5), ("[\"a\"b]", 4),
        ("=1", 0),
        ("[\"a\"\"]", 4),
    ])
    func `A byte in the wrong place is refused where it stands`(text: String, offset: Int) {
        #expect(refusal(of: utf8(text)) == JSONError(.unexpectedByte, at: offset))
    }

    @Test(arguments: [
        "[00]", "[01]", "[-01]", "[-00]", "[007]", "[1.]", "[1.]", "[1.e5]", "[0.]", "[0.e1]", "[-]", "[--1]", "[-a]",
        "[-.5]", "[1e]",
        "[1E]", "[1e+]", "[1e-]", "[1e+-1]", "[1e.5]", "[0.3e]", "[0.3e+]", "[-Infinity]", "[-NaN]",
        "[1.a]", "[1ea]", "[1.-5]", "[1.+5]", "[- 1]", "[1. 5]", "[1e 5]", "-x", "01", "-01 ", "1.x", "2e,",
        "[\u{2D}\u{FF11}]",
    ])
    func `A number that is not one is refused`(text: String) {
        #expect(refusal(of: utf8(text))?.kind == .invalidNumber)
    }

    @Test(arguments: [
        ("[+1]", 1), ("[.5]", 1), ("[1.5.5]", 4), ("[1e5.5]", 4), ("[1e5e5]", 4), ("[0x10]", 2), ("[0b1]", 2),
        ("[1_000]", 2),
        ("[1-2]", 2), ("[1+2]", 2), ("[1a]", 2), ("[0a]", 2), ("[1 000]", 3), ("[１]", 1), ("[1.5f]", 4), ("[1L]", 2),
        ("[1%]", 2),
        ("[0 1]", 3), ("[1e5x]", 4), ("[-1-1]", 3), ("[1.5-]", 4), ("[0\u{0660}]", 2), ("[++1]", 1), ("[Inf]", 1),
    ])
    func `What only looks like a number is refused where it stops being one`(text: String, offset: Int) {
        #expect(refusal(of: utf8(text)) == JSONError(.unexpectedByte, at: offset))
    }

    @Test(arguments: [
        "\\a", "\\v", "\\0", "\\x41", "\\'", "\\ ", "\\U0041", "\\e", "\\N", "\\é", "\\1", "\\u", "\\u1", "\\u12",
        "\\u123", "\\u123g",
        "\\uG000", "\\u 123", "\\u-123", "\\u+123", "\\u00\\u00", "\\ud83d\\u", "\\ud83d\\u12", "\\u{41}", "\\\u{1}",
        "\\\n",
        "\\u00\u{FF11}1", "\\]", "\\}", "\\\t", "\\(", "\\u/123", "\\u:123", "\\u@123", "\\u`123",
    ])
    func `An escape that is not one is refused`(escape: String) {
        for text in ["[\"\(escape)\"]", "{\"\(escape)\":1}", "[\"abcdefghijklm\(escape)nop\"]", "\"\(escape)\""] {
            #expect(refusal(of: utf8(text))?.kind == .invalidEscape, "\(text)")
        }
    }

    @Test func `Every control character inside a string is refused, and every other ASCII character is not`() {
        for byte in UInt8(0)..<0x80 where byte != 0x22 && byte != 0x5C {
            for padding in 0..<20 {
                let content = utf8(String(repeating: "a", count: padding)) + [byte] + utf8("xyz")
                let text = utf8("[\"") + content + utf8("\"]")
                let expected = byte < 0x20 ? JSONError(.controlCharacter, at: 2 + padding) : nil
                #expect(refusal(of: text) == expected)
            }
        }
    }
}
