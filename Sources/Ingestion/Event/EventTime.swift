import FoundationEssentials

/// A point in time as events carry it.
///
/// - Unit: microseconds since 1970-01-01T00:00:00Z.
/// - Source: RFC 3339, with what SDKs really send: a space for the `T`, no zone (read as UTC), any number of digits.
struct EventTime: Equatable, Comparable, Sendable {
    var microseconds: Int64

    init(microseconds: Int64) { self.microseconds = microseconds }

    static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }

    /// Reads `text`, or gives nil for what is not a time between the years 1 and 9999.
    init?(_ text: Span<UInt8>) {
        var scanner = Scanner()
        guard let year = scanner.number(text, digits: 4), scanner.skip(text, "-"),
            let month = scanner.number(text, digits: 2), scanner.skip(text, "-"),
            let day = scanner.number(text, digits: 2),
            year >= 1, (1...12).contains(month), day >= 1, day <= Self.days(inMonth: month, year: year)
        else { return nil }
        var seconds = Self.days(year: year, month: month, day: day) * 86_400
        var fraction = 0
        if scanner.place < text.count {
            guard scanner.skip(text, "T") || scanner.skip(text, "t") || scanner.skip(text, " "),
                let hour = scanner.number(text, digits: 2), scanner.skip(text, ":"),
                let minute = scanner.number(text, digits: 2), hour < 24, minute < 60
            else { return nil }
            var second = 0
            if scanner.skip(text, ":") {
                guard let read = scanner.number(text, digits: 2), read <= 60 else { return nil }
                second = min(read, 59)
                if scanner.skip(text, ".") || scanner.skip(text, ",") {
                    guard let read = scanner.fraction(text) else { return nil }
                    fraction = read
                }
            }
            guard let offset = scanner.zone(text), scanner.place == text.count else { return nil }
            seconds += hour * 3600 + minute * 60 + second - offset
        }
        microseconds = Int64(seconds) * 1_000_000 + Int64(fraction)
    }

    /// How many bytes `append(to:)` writes.
    static let textBytes = 24

    /// Writes `2026-11-22T11:22:36.289Z`.
    func append(to bytes: inout [UInt8]) {
        let milliseconds = Self.floor(microseconds, by: 1000)
        let days = Self.floor(milliseconds, by: 86_400_000)
        let inDay = Int(milliseconds - days * 86_400_000)
        let (year, month, day) = Self.date(days: Int(days))
        Self.append(year, digits: 4, then: "-", to: &bytes)
        Self.append(month, digits: 2, then: "-", to: &bytes)
        Self.append(day, digits: 2, then: "T", to: &bytes)
        Self.append(inDay / 3_600_000, digits: 2, then: ":", to: &bytes)
        Self.append(inDay / 60_000 % 60, digits: 2, then: ":", to: &bytes)
        Self.append(inDay / 1000 % 60, digits: 2, then: ".", to: &bytes)
        Self.append(inDay % 1000, digits: 3, then: "Z", to: &bytes)
    }

    /// Whether the time can be written in four digits of year.
    var isPrintable: Bool {
        microseconds >= Self.firstPrintable && microseconds < Self.endOfPrintable
    }

    private static let firstPrintable: Int64 = -62_135_596_800_000_000
    private static let endOfPrintable: Int64 = 253_402_300_800_000_000

    private static func append(_ value: Int, digits: Int, then end: Unicode.Scalar, to bytes: inout [UInt8]) {
        var divisor = digits == 4 ? 1000 : digits == 3 ? 100 : 10
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
        bytes.append(UInt8(ascii: end))
    }

    private static func floor(_ value: Int64, by divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }

    private static func days(inMonth month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days since 1970-01-01, counted in years that start in March so that the leap day is the last one.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let position = (5 * dayOfYear + 2) / 153
        let month = position < 10 ? position + 3 : position - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * position + 2) / 5 + 1)
    }
}

extension EventTime {
    /// Takes a time's parts from the front of a text.
    private struct Scanner {
        var place = 0

        mutating func skip(_ text: Span<UInt8>, _ character: Unicode.Scalar) -> Bool {
            guard place < text.count, text[place] == UInt8(ascii: character) else { return false }
            place += 1
            return true
        }

        mutating func number(_ text: Span<UInt8>, digits: Int) -> Int? {
            guard text.count - place >= digits else { return nil }
            var value = 0
            for index in place..<place + digits {
                let digit = text[index] &- UInt8(ascii: "0")
                guard digit < 10 else { return nil }
                value = value * 10 + Int(digit)
            }
            place += digits
            return value
        }

        /// Digits after the point, as microseconds; what is finer is cut off.
        mutating func fraction(_ text: Span<UInt8>) -> Int? {
            let start = place
            var value = 0
            var unit = 1_000_000
            while place < text.count, text[place] &- UInt8(ascii: "0") < 10 {
                unit /= 10
                value += Int(text[place] - UInt8(ascii: "0")) * unit
                place += 1
            }
            return place > start ? value : nil
        }

        /// Seconds east of UTC.
        mutating func zone(_ text: Span<UInt8>) -> Int? {
            if place == text.count || skip(text, "Z") || skip(text, "z") { return 0 }
            let sign: Int
            if skip(text, "+") { sign = 1 } else if skip(text, "-") { sign = -1 } else { return nil }
            guard let hours = number(text, digits: 2), hours < 24 else { return nil }
            guard place < text.count else { return sign * hours * 3600 }
            _ = skip(text, ":")
            guard let minutes = number(text, digits: 2), minutes < 60 else { return nil }
            return sign * (hours * 3600 + minutes * 60)
        }
    }
}

extension EventTime {
    /// The time by the clock of this machine.
    static func now() -> Self {
        EventTime(microseconds: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded()))
    }
}
