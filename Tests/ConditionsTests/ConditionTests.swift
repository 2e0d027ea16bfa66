import Conditions
import EventJSON
import Testing

@Suite struct ConditionTests {
    private static let order = #"""
        {"type":"track","event":"Order Completed","userId":"u-1",
         "properties":{"total":129.90,"coupon":null,"express":true,"id":9007199254740993,"tags":["vip","new",3],
          "items":[{"sku":"A-1"},{"sku":"B\u0022-2"}],"größe":"XL","name":"J\u00f6rg \"J\" Meier"},
         "context":{"weird key":{"a.b":1},"page":{"path":"/shop/cart"}}}
        """#

    private static func answer(_ condition: String, _ event: String = order) throws -> Bool {
        var tape = JSONTape()
        try tape.parse(Array(event.utf8))
        return try Condition(parsing: condition).holds(in: tape)
    }

    @Test(
        arguments: [
            #"event == "Order Completed""#, #"type in ["track", "page"]"#, #"properties.total > 100"#,
            #"event == "Order Completed" && properties.total > 100"#, "properties.total == 129.9",
            "properties.total <= 1299e-1", "properties.express == true", "properties.express != false",
            "exists(properties.coupon)", "properties.coupon == null", "!exists(properties.discount)",
            "properties.id == 9007199254740993", "properties.id > 9007199254740992",
            #"properties.items[0].sku == "A-1""#, #"properties.items[1].sku endsWith "\"-2""#,
            #"context["weird key"]["a.b"] == 1"#, #"["context"].page.path startsWith "/shop""#,
            #"properties.größe == "XL""#, #"properties.name contains "örg \"J""#, #"properties.tags contains "vip""#,
            "properties.tags contains 3.0", #"userId >= "u""#, #"userId < "u-2""#, "userId in [1, null, \"u-1\"]",
            #"event=="x"||type=="track""#, #"!(event == "x" || event == "y") && !!exists(type)"#,
            #"event == "x" && event == "y" || type == "track""#, "\n type\n ==\t\"track\" ",
        ]
    )
    func `What is so of an event is said to be so`(_ condition: String) throws {
        #expect(try Self.answer(condition))
        #expect(try !Self.answer("!(\(condition))"))
    }

    @Test(
        arguments: [
            #"event == "order completed""#, #"type in ["page"]"#,
            "properties.total > 129.9",
            "properties.total == \"129.9\"",
            "properties.express == 1", "properties.id == 9007199254740992", "properties.coupon < 1",
            #"properties.items[2].sku == "A-1""#, #"properties.items.sku == "A-1""#, "properties.items[0] == null",
            #"properties.tags == "vip""#, #"properties.tags startsWith "vip""#, #"properties.total contains "9""#,
            #"event startsWith "Order Completed!""#, "properties.express > false", #"properties.total < "2""#,
        ]
    )
    func `What is not so is said to be not so`(_ condition: String) throws {
        #expect(try !Self.answer(condition))
        #expect(try Self.answer("!(\(condition))"))
    }

    @Test(arguments: ["==", "<", "<=", ">", ">="])
    func `A value that is missing makes comparisons false`(_ sign: String) throws {
        for value in ["1", "\"a\"", "null", "true"] where sign == "==" || value.count == 1 {
            #expect(try !Self.answer("properties.missing.deeper \(sign) \(value)"))
        }
        #expect(try Self.answer("properties.missing != 1"))
        #expect(try Self.answer("properties.missing != null"))
        for operation in ["contains", "startsWith", "endsWith"] {
            #expect(try !Self.answer("properties.missing \(operation) \"a\""))
        }
        #expect(try !Self.answer("properties.missing in [null, 1]"))
    }

    @Test func `Numbers are compared as they are written, whatever their length`() throws {
        let rising = [
            "-1e400", "-18446744073709551617", "-18446744073709551616", "-1.5", "-1.25", "-1e-400", "0", "1e-400",
            "0.1", "0.10000000000000000000001", "1", "1.0000000000000000001", "9007199254740992", "9007199254740993",
            "18446744073709551616", "1e20", "1.00000000000000000000001e20", "1e400",
        ]
        for (place, one) in rising.enumerated() {
            for (otherPlace, other) in rising.enumerated() {
                let event = "{\"n\":\(one)}"
                #expect(try Self.answer("n < \(other)", event) == (place < otherPlace), "\(one) < \(other)")
                #expect(try Self.answer("n == \(other)", event) == (place == otherPlace), "\(one) == \(other)")
                #expect(try Self.answer("n >= \(other)", event) == (place >= otherPlace), "\(one) >= \(other)")
            }
        }
        for (one, other) in [("100", "1e2"), ("1.50", "15E-1"), ("-0", "0.00e7"), ("0.001e3", "1"), ("1e0", "1.0")] {
            #expect(try Self.answer("n == \(other)", "{\"n\":\(one)}"), "\(one) == \(other)")
        }
    }

    @Test(
        arguments: [
            ("", "column 1: found the end, expected a path such as event or properties.total, exists, ! or ("),
            ("event = \"x\"", "column 7: found \"=\", expected one of ==, !="),
            ("event == Order", "column 10: found \"Order\", expected a text in double quotes, a number"),
            ("event == 'x'", "column 10: found a single quote, expected a text in double quotes"),
            ("event == \"x\" and type == \"y\"", "column 14: found \"and\", expected &&, || or the end"),
            ("event == \"x\" & type == \"y\"", "column 14: found \"&\", expected &&, || or the end"),
            ("(event == \"x\"", "column 14: found the end, expected &&, || or )"),
            ("event == \"x", "column 12: found the end, expected \" at the end of the text that begins at byte 10"),
            ("event == \"\\x\"", "column 12: found \"x\", expected a text as JSON writes it"),
            ("n == 01", "column 6: found \"01\", expected a number as JSON writes it"),
            ("n == 12kg", "column 6: found \"12kg\", expected a number as JSON writes it"),
            ("n startsWith 1", "column 14: found \"1\", expected a text in double quotes"),
            ("n in (1)", "column 6: found \"(\", expected a list such as"),
            ("n in []", "column 7: found \"]\", expected a text in double quotes, a number"),
            ("n in [1 2]", "column 9: found \"2\", expected , or ]"),
            ("properties..a == 1", "column 12: found \".\", expected a name"),
            ("properties[-1] == 1", "column 12: found \"-1\", expected a name in quotes or an index"),
            ("properties[0 == 1", "column 14: found \"==\", expected ]"),
            ("true == 1", "column 1: found \"true\", expected a path"),
            ("exists(event", "column 13: found the end, expected )"),
            ("größe ==\n  \"a\" &&\n  weiß ~ 1", "line 3, column 8: found \"~\", expected one of"),
        ]
    )
    func `What is wrong is named with its place and what could stand there`(_ text: String, _ sentence: String) {
        let error = #expect(throws: ConditionError.self) { try Condition(parsing: text) }
        #expect(error?.description.hasPrefix(sentence) == true, "\(error?.description ?? "")")
    }

    @Test func `Length and nesting are bounded`() throws {
        let long = "event == \"" + String(repeating: "a", count: Condition.maximumBytes) + "\""
        #expect(throws: ConditionError.self) { try Condition(parsing: long) }
        let depth = Condition.maximumDepth
        for (open, close) in [("(", ")"), ("!", ""), ("!(", ")")] {
            let most = depth / open.count
            let deepest = String(repeating: open, count: most) + "n == 1" + String(repeating: close, count: most)
            #expect(try Self.answer(deepest, "{\"n\":1}") == (open == "(" || most % 2 == 0))
            let more = most + 1
            let tooDeep = String(repeating: open, count: more) + "n == 1" + String(repeating: close, count: more)
            let error = #expect(throws: ConditionError.self) { try Condition(parsing: tooDeep) }
            #expect(error?.expected.contains("\(depth)") == true)
        }
        // As many comparisons as fit stand in one list, not in each other.
        let many = Array(repeating: "a==1", count: 500).joined(separator: "||")
        #expect(try Self.answer(many, "{\"a\":1}"))
    }
}
