import Conditions
import EventJSON
import Testing

@Suite struct ConsentTests {
    private static func permits(_ rule: ConsentRule, _ context: String) throws -> Bool {
        var tape = JSONTape()
        try tape.parse(Array("{\"type\":\"track\",\"context\":\(context)}".utf8))
        return rule.permits(tape.root, in: tape)
    }

    private static let all = ConsentRule(categories: ["Advertising", "Analytics"], match: .all)
    private static let any = ConsentRule(categories: ["Advertising", "Analytics"], match: .any)

    @Test(
        arguments: [
            (#"{"Advertising":true,"Analytics":true}"#, true, true),
            (#"{"Advertising":true,"Analytics":false}"#, false, true),
            (#"{"Advertising":true}"#, false, true),
            (#"{"Advertising":false,"Analytics":false}"#, false, false),
            (#"{"Functional":true}"#, false, false),
            (#"{"advertising":true,"Analytics":"yes"}"#, false, false),
        ]
    )
    func `Segment's preferences are read`(_ preferences: String, _ all: Bool, _ any: Bool) throws {
        let context = "{\"consent\":{\"categoryPreferences\":\(preferences)}}"
        #expect(try Self.permits(Self.all, context) == all)
        #expect(try Self.permits(Self.any, context) == any)
    }

    @Test(
        arguments: [
            (#""allowedConsentIds":["Advertising","Analytics"],"deniedConsentIds":[]"#, true, true),
            (#""allowedConsentIds":["Analytics"],"deniedConsentIds":["Advertising"]"#, false, true),
            (#""allowedConsentIds":["Functional"],"deniedConsentIds":[]"#, false, false),
            (#""allowedConsentIds":["Advertising","Analytics"],"deniedConsentIds":["Analytics"]"#, false, true),
            (#""deniedConsentIds":["Functional"]"#, true, true),
            (#""deniedConsentIds":["Advertising"]"#, false, true),
            (#""deniedConsentIds":["Advertising","Analytics"]"#, false, false),
        ]
    )
    func `RudderStack's lists are read`(_ lists: String, _ all: Bool, _ any: Bool) throws {
        let context = "{\"consentManagement\":{\"provider\":\"custom\",\(lists)}}"
        #expect(try Self.permits(Self.all, context) == all)
        #expect(try Self.permits(Self.any, context) == any)
    }

    @Test func `The event decides between all and any where the connection does not`() throws {
        let rule = ConsentRule(categories: ["Advertising", "Analytics"])
        for (strategy, permits) in [("or", true), ("any", true), ("and", false), ("all", false), ("", false)] {
            let context =
                "{\"consentManagement\":{\"allowedConsentIds\":[\"Analytics\"],\"resolutionStrategy\":\"\(strategy)\"}}"
            #expect(try Self.permits(rule, context) == permits, "\(strategy)")
            #expect(try !Self.permits(Self.all, context))
            #expect(try Self.permits(Self.any, context))
        }
    }

    @Test func `Where both are there, what one of them denies is denied`() throws {
        let rule = ConsentRule(categories: ["Advertising"])
        let given = #""consent":{"categoryPreferences":{"Advertising":true}}"#
        #expect(try !Self.permits(rule, "{\(given),\"consentManagement\":{\"deniedConsentIds\":[\"Advertising\"]}}"))
        #expect(try Self.permits(rule, "{\(given),\"consentManagement\":{\"deniedConsentIds\":[\"Analytics\"]}}"))
    }

    @Test(
        arguments: [
            "{}", "null", "[]", #"{"consent":{}}"#, #"{"consent":{"categoryPreferences":{}}}"#,
            #"{"consentManagement":{"allowedConsentIds":[],"deniedConsentIds":[]}}"#, #"{"consent":"yes"}"#,
        ]
    )
    func `An event that says nothing of consent is withheld, unless it shall be delivered`(_ context: String) throws {
        #expect(try !Self.permits(Self.any, context))
        let lenient = ConsentRule(categories: ["Advertising"], missing: .deliver)
        #expect(try Self.permits(lenient, context))
        #expect(try !Self.permits(lenient, #"{"consent":{"categoryPreferences":{"Advertising":false}}}"#))
    }
}

@Suite struct SampleRateTests {
    @Test func `A rate is written as a fraction`() {
        for (text, millionths) in [("0.1", 100_000), ("0.000001", 1), ("0.999999", 999_999), ("0.250", 250_000)] {
            #expect(SampleRate(text)?.millionths == millionths)
            #expect(SampleRate(millionths: millionths)?.description == (text == "0.250" ? "0.25" : text))
        }
        for text in ["0", "1", "1.0", "0.0", ".5", "0.1234567", "-0.1", "0.1 ", "1e-1", "10%", "0.", "0.½"] {
            #expect(SampleRate(text) == nil, "\(text)")
        }
    }

    @Test(arguments: [1_000, 100_000, 500_000, 990_000])
    func `As many users are taken as the rate says`(_ millionths: Int) throws {
        let rate = try #require(SampleRate(millionths: millionths))
        let users = 200_000
        let taken = (0..<UInt64(users)).count { rate.takes(user: $0 &* 0x2545_F491_4F6C_DD1D, salt: 7) }
        let share = Double(millionths) / 1_000_000
        let deviation = (share * (1 - share) * Double(users)).squareRoot()
        #expect(abs(Double(taken) - share * Double(users)) < 5 * deviation, "\(taken)")
    }

    @Test func `Connections choose independently, and a higher rate keeps whom a lower one took`() throws {
        let (low, high) = (try #require(SampleRate("0.2")), try #require(SampleRate("0.5")))
        var both = 0
        for user in 0..<UInt64(50_000) where low.takes(user: user, salt: 1) {
            #expect(high.takes(user: user, salt: 1))
            if low.takes(user: user, salt: 2) { both += 1 }
        }
        #expect((1_700...2_300).contains(both), "\(both)")
    }
}
