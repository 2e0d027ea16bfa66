/// Events as web shops send them, about 1 KB each, the same on every machine and in every run.
///
/// - Shape: `bytes` holds the texts one behind the other; text `i` is `offsets[i]..<offsets[i + 1]`.
struct SampleEvents: Sendable {
    private(set) var bytes: [UInt8] = []
    private(set) var offsets = [0]
    /// The same texts with blanks behind them, for a parser that reads further.
    private(set) var padded: [UInt8] = []

    /// Makes `count` events of `users` users.
    init(count: Int, users: Int = 1000, seed: UInt64 = 1) {
        var dice = SplitMix(state: seed)
        bytes.reserveCapacity(count * 1100)
        for number in 0..<count {
            bytes.append(contentsOf: Self.event(number, user: dice.number(below: users), &dice).utf8)
            offsets.append(bytes.count)
        }
        padded = bytes + [UInt8](repeating: 0x20, count: Self.padding)
    }

    /// How many bytes are behind the last of the padded texts.
    static let padding = 64

    var count: Int { offsets.count - 1 }

    subscript(index: Int) -> ArraySlice<UInt8> { bytes[offsets[index]..<offsets[index + 1]] }

    /// The body of one request with the events of `range`.
    func batch(_ range: Range<Int>) -> [UInt8] {
        var body = [UInt8]("{\"batch\":[".utf8)
        for index in range {
            if index > range.lowerBound { body.append(UInt8(ascii: ",")) }
            body.append(contentsOf: self[index])
        }
        body.append(contentsOf: "],\"sentAt\":\"2026-03-01T06:04:53.001Z\"}".utf8)
        return body
    }

    private static func event(_ number: Int, user: Int, _ dice: inout SplitMix) -> String {
        let name = names[user % names.count]
        let milliseconds = String(1000 + dice.number(below: 1000)).dropFirst()
        let time = "2026-03-01T\(two(number / 3600 % 24)):\(two(number / 60 % 60)):\(two(number % 60)).\(milliseconds)Z"
        let head = """
            "messageId":"\(dice.uuid())","anonymousId":"\(dice.uuid())","userId":"u-\(user)","channel":"web",\
            "timestamp":"\(time)","originalTimestamp":"\(time)","context":{"library":{"name":"analytics.js",\
            "version":"3.7.2"},"userAgent":"\(dice.choose(agents))","ip":"203.0.113.\(dice.number(below: 256))",\
            "locale":"en-GB","timezone":"Europe/Berlin","screen":{"width":\(dice.choose([1440, 1920, 390])),\
            "height":900,"density":2},"campaign":{"source":"\(dice.choose(campaigns))","medium":"web"},\
            "traits":{"email":"\(name.lowercased())\(user)@shop.example","name":"\(name)","plan":"free"}},\
            "integrations":{"All":true}
            """
        switch dice.number(below: 10) {
        case 0..<3:
            let path = "/p/\(dice.choose(products))"
            return """
                {"type":"page",\(head),"name":"Product","properties":{"url":"https://shop.example\(path)",\
                "path":"\(path)","title":"Caf\\u00e9 table \\"Oak\\"","referrer":"https://search.example/?q=home",\
                "search":"","viewport":[1440,780],"load":\(dice.number(below: 4000)).25,"cached":false}}
                """
        case 3..<4:
            return """
                {"type":"identify",\(head),"traits":{"email":"\(name.lowercased())\(user)@shop.example",\
                "plan":"trade","logins":\(dice.number(below: 500)),"newsletter":true,"company":null,"city":"Köln"}}
                """
        default:
            let lines = (0..<1 + dice.number(below: 2)).map { _ in product(&dice) }.joined(separator: ",")
            return """
                {"type":"track",\(head),"event":"Order Completed","properties":{"order_id":"o-\(10_000_000 + number)",\
                "total":\(dice.number(below: 900)).95,"tax":\(dice.number(below: 90)).1,"currency":"EUR",\
                "coupon":"SPRING","products":[\(lines)]}}
                """
        }
    }

    private static func product(_ dice: inout SplitMix) -> String {
        let id = dice.choose(products)
        return """
            {"product_id":"\(id)","sku":"\(id)","name":"Linen throw","category":"Textiles",\
            "price":\(dice.number(below: 200)).5,"quantity":\(1 + dice.number(below: 4)),\
            "url":"https://shop.example/p/\(id)"}
            """
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static let names = ["Greta", "Ivo", "Noor", "Zoë", "Ana", "Jürgen", "Mei", "Oluwaseun"]
    private static let campaigns = ["direct", "newsletter", "search", "social"]
    private static let products = ["throw-18", "kettle-01", "chair-05", "lamp-230", "rug-7"]
    private static let agents = [
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:148.0) Gecko/20100101 Firefox/148.0",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
    ]
}
