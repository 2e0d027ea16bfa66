import Testing

@testable import EventJSON

/// What a schema takes and what it says against the rest.
struct SchemaTests {
    private static func schema(_ text: String) throws -> (schema: JSONSchema, problems: [JSONSchema.Problem]) {
        let tape = try EventJSONTests.tape(text)
        var problems: [JSONSchema.Problem] = []
        let schema = JSONSchema(tape.root, in: tape, at: "s", &problems)
        return (schema, problems)
    }

    private static func problems(_ schema: String, _ value: String) throws -> [String] {
        let (schema, wrong) = try Self.schema(schema)
        #expect(wrong.isEmpty, "\(wrong)")
        let tape = try EventJSONTests.tape(value)
        return schema.problems(with: tape.root, in: tape).map { $0.path.isEmpty ? $0.what : "\($0.path) \($0.what)" }
    }

    @Test(arguments: [
        ("{}", "[1]"), ("true", "null"), (#"{"type":"string"}"#, #""a""#), (#"{"type":"integer"}"#, "3"),
        (#"{"type":"integer"}"#, "3.0"), (#"{"type":"integer"}"#, "123456789012345678901234567890"),
        (#"{"type":"number"}"#, "3"), (#"{"type":["null","boolean"]}"#, "null"), (#"{"enum":[1,"a",null]}"#, "1.0"),
        (#"{"enum":[{"a":1,"b":[2]}]}"#, #"{"b":[2e0],"a":1}"#), (#"{"const":"\u0061"}"#, #""a""#),
        (#"{"minimum":1,"maximum":3}"#, "1"), (#"{"minimum":1,"maximum":3}"#, "3"), (#"{"minimum":1}"#, #""text""#),
        (#"{"exclusiveMinimum":1}"#, "1.001"), (#"{"minLength":2,"maxLength":2}"#, #""é😀""#),
        (#"{"minItems":1,"maxItems":2,"items":{"type":"string"}}"#, #"["a","b"]"#),
        (#"{"required":["a"],"properties":{"a":{"type":"null"}}}"#, #"{"a":null,"b":1}"#),
        (#"{"additionalProperties":{"type":"string"}}"#, #"{"a":"b"}"#),
        (#"{"format":"uri","default":1,"x-y":2}"#, "0"),
    ])
    func `What a schema describes is taken`(schema: String, value: String) throws {
        #expect(try Self.problems(schema, value) == [])
    }

    @Test(arguments: [
        ("false", "1", "is not taken"), (#"{"type":"string"}"#, "1", "must be a text"),
        (#"{"type":"integer"}"#, "3.5", "must be a whole number"),
        (#"{"type":["null","boolean"]}"#, "{}", "must be null or true or false"),
        (#"{"enum":["a","b"]}"#, #""c""#, #"must be one of "a", "b""#), (#"{"const":1}"#, "true", "must be 1"),
        (#"{"enum":[{"a":1}]}"#, #"{"a":1,"b":1}"#, #"must be one of {"a":1}"#),
        (#"{"minimum":1}"#, "0.99", "must be 1 or more"), (#"{"maximum":1}"#, "1e400", "must be 1 or less"),
        (#"{"minimum":1}"#, "-1e400", "must be 1 or more"),
        (#"{"exclusiveMaximum":2.5}"#, "2.5", "must be less than 2.5"),
        (#"{"exclusiveMinimum":1}"#, "1", "must be more than 1"),
        (#"{"minLength":2}"#, #""😀""#, "must have 2 characters or more"),
        (#"{"maxLength":1}"#, #""ab""#, "must have 1 characters or fewer"),
        (#"{"items":{"type":"string"}}"#, #"["a",1]"#, "[1] must be a text"),
        (#"{"maxItems":1}"#, "[1,2]", "must have 1 elements or fewer"),
        (#"{"minItems":1}"#, "[]", "must have 1 elements or more"),
        (#"{"required":["a"]}"#, "{}", "a is missing"),
        (#"{"properties":{"a":{"required":["b"]}}}"#, #"{"a":{}}"#, "a.b is missing"),
        (#"{"additionalProperties":false,"properties":{"a":true}}"#, #"{"b":1}"#, "b is an unknown key; known here: a"),
        (#"{"additionalProperties":{"type":"string"}}"#, #"{"a":1}"#, "a must be a text"),
    ])
    func `What it does not describe is told with its place`(schema: String, value: String, problem: String) throws {
        let told = try Self.problems(schema, value)
        #expect(told == [problem] || problem.hasPrefix("must be one of {") && told.count == 1)
    }

    @Test func `Everything wrong is told at once, up to a bound`() throws {
        let schema = #"{"required":["z"],"additionalProperties":{"type":"string"}}"#
        #expect(
            try Self.problems(schema, #"{"a":1,"b":[],"c":"d"}"#) == [
                "a must be a text", "b must be a text", "z is missing",
            ]
        )
        let many = (0..<100).map { "\"k\($0)\":1" }.joined(separator: ",")
        #expect(try Self.problems(schema, "{\(many)}").count == 20)
    }

    @Test(arguments: [
        (#"{"pattern":"^a"}"#, "s.pattern"), (#"{"properties":{"a":{"oneOf":[]}}}"#, "s.properties.a.oneOf"),
        (#"{"items":{"$ref":"a"}}"#, "s.items.$ref"), (#"{"type":"text"}"#, "s.type"), (#"{"type":[]}"#, "s.type"),
        (#"{"minimum":"1"}"#, "s.minimum"), (#"{"maxLength":-1}"#, "s.maxLength"),
        (#"{"maxLength":1.5}"#, "s.maxLength"),
        (#"{"required":"a"}"#, "s.required"), (#"{"required":[1]}"#, "s.required"), (#"{"enum":[]}"#, "s.enum"),
        (#"{"enum":[1],"const":1}"#, "s.const"), (#"{"properties":[]}"#, "s.properties"), ("[]", "s"),
        (#"{"additionalProperties":1}"#, "s.additionalProperties"),
    ])
    func `A schema that could not be kept exactly is refused with its place`(schema: String, place: String) throws {
        #expect(try Self.schema(schema).problems.map(\.path) == [place])
    }
}
