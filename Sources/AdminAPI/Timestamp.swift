import Catalog

/// Writes moments as RFC 3339 in UTC, such as `2026-11-22T14:30:05.123Z`.
enum Timestamp {
    /// - Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    static func text(microseconds: Int64) -> String {
        let seconds = floorDivide(microseconds, 1_000_000)
        let days = floorDivide(seconds, 86_400)
        let second = seconds - days * 86_400
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let milliseconds = floorDivide(microseconds - seconds * 1_000_000, 1000)
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(second / 3600, 2)):\(pad(second / 60 % 60, 2)):"
            + "\(pad(second % 60, 2)).\(pad(milliseconds, 3))Z"
    }

    static func document(_ microseconds: Int64) -> Document { .text(text(microseconds: microseconds)) }

    private static func floorDivide(_ value: Int64, _ by: Int64) -> Int64 {
        value >= 0 ? value / by : -((-value + by - 1) / by)
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}
