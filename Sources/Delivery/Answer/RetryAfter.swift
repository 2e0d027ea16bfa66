/// Reads how long a destination asks to be left alone: `Retry-After` as seconds or one of the three forms of an HTTP date,
/// and where it is not given, what the headers of rate limits say of the time until they begin anew.
///
/// - Source: RFC 9110, sections 10.2.3 and 5.6.7; draft-ietf-httpapi-ratelimit-headers, in its forms up to 07
///   (`RateLimit-Reset: 30`, `RateLimit: limit=10, remaining=0, reset=30`) and since 08 (`RateLimit: "name";r=0;t=30`).
package enum RetryAfter {
    /// The longest time a destination may ask for; a longer wish is cut to it.
    package static let longest = Duration.seconds(24 * 60 * 60)

    /// The time to wait from `now`, in seconds since 1970, as the headers of an answer say; nil when none does.
    ///
    /// Rate limits are told with successes too, so only `isThrottled`, a 429 or 503, lets them count.
    package static func asked(by header: (String) -> String?, isThrottled: Bool, now: Int64) -> Duration? {
        if let wish = header("Retry-After").flatMap({ parse($0, now: now) }) { return wish }
        guard isThrottled else { return nil }
        if let wish = header("RateLimit-Reset").flatMap({ reset($0, now: now) }) { return wish }
        if let wish = header("RateLimit").flatMap({ rateLimit($0) }) { return wish }
        return header("X-RateLimit-Reset").flatMap { reset($0, now: now) }
    }

    /// Seconds, or a moment in seconds or milliseconds since 1970: told apart by size, since nobody asks for 30 years.
    private static func reset(_ text: String, now: Int64) -> Duration? {
        let text = text.trimmedWhitespace
        guard let number = Double(text), number >= 0, number.isFinite else { return parse(text, now: now) }
        if number < firstMoment { return min(.seconds(number), longest) }
        let moment = number < firstMoment * 1_000 ? number : number / 1_000
        return .seconds(min(max(moment - Double(now), 0), longest / .seconds(1)))
    }

    /// From here on a number is a moment: September 2001.
    /// - Unit: seconds since 1970.
    private static let firstMoment = 1e9

    /// The longest of the times that the field's limits name, of those that are used up if any is said to be.
    private static func rateLimit(_ text: String) -> Duration? {
        var times: [(rest: Int?, time: Int64)] = []
        for item in text.split(separator: ",").prefix(mostItems) {
            var rest: Int?
            var time: Int64?
            for parameter in item.split(separator: ";") {
                let sides = parameter.split(separator: "=", maxSplits: 1).map { String($0).trimmedWhitespace }
                guard sides.count == 2 else { continue }
                switch sides[0] {
                case "t", "reset": time = Int64(sides[1]).flatMap { $0 >= 0 ? $0 : nil }
                case "r", "remaining": rest = Int(sides[1])
                default: break
                }
            }
            if let time { times.append((rest, time)) }
        }
        let spent = times.filter { $0.rest == 0 }
        return (spent.isEmpty ? times : spent).map(\.time).max().map { min(.seconds($0), longest) }
    }

    /// Limits that are read of one field.
    private static let mostItems = 16

    /// The time to wait from `now`, in seconds since 1970, or nil for a text that says nothing.
    package static func parse(_ text: String, now: Int64) -> Duration? {
        let text = text.trimmedWhitespace
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return min(Int64(text).map { .seconds($0) } ?? longest, longest)
        }
        guard let date = seconds(ofDate: text) else { return nil }
        return min(max(.seconds(date - now), .zero), longest)
    }

    private static func seconds(ofDate text: String) -> Int64? {
        let words = text.split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        guard words.count >= 5 else { return nil }
        // `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`
        let isAscTime = Int(words[1]) == nil
        let order = isAscTime ? (month: 1, day: 2, time: 3, year: 4) : (month: 2, day: 1, time: 4, year: 3)
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard let month = names.firstIndex(of: words[order.month]), let day = Int(words[order.day]),
            var year = Int(words[order.year]), (1...31).contains(day)
        else { return nil }
        if words[order.year].count == 2 { year += year < 70 ? 2000 : 1900 }
        let time = words[order.time].split(separator: ":").compactMap { Int($0) }
        guard time.count == 3, (0..<24).contains(time[0]), (0..<60).contains(time[1]), (0...60).contains(time[2]),
            (1970...9999).contains(year)
        else { return nil }
        let days = daysSince1970(year: year, month: month + 1, day: day)
        return Int64(days) * 86_400 + Int64(time[0] * 3_600 + time[1] * 60 + time[2])
    }

    /// Days of the proleptic Gregorian calendar, with the year beginning in March so that leap days come last.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension String {
    fileprivate var trimmedWhitespace: String {
        var text = self[...]
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
