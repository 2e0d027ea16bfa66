import Foundation

/// Numbers as people read them.
enum Units {
    /// A whole number with its thousands set apart.
    static func count(_ value: Int64) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// A time, three digits long.
    static func duration(seconds: Double?) -> String {
        guard let seconds else { return "-" }
        switch seconds {
        case ..<0.000_999_5: return "\(threeDigits(seconds * 1_000_000)) µs"
        case ..<0.999_5: return "\(threeDigits(seconds * 1000)) ms"
        default: return "\(threeDigits(seconds)) s"
        }
    }

    /// A time that goes on, in its two greatest units from a minute on.
    static func age(seconds: Double?) -> String {
        guard let seconds, seconds >= 60 else { return duration(seconds: seconds.map { max(0, $0) }) }
        let whole = Int64(seconds)
        switch whole {
        case ..<3600: return "\(whole / 60) min \(whole % 60) s"
        case ..<86_400: return "\(whole / 3600) h \(whole / 60 % 60) min"
        default: return "\(whole / 86_400) d \(whole / 3600 % 24) h"
        }
    }

    /// A size, three digits long.
    static func bytes(_ bytes: Double?) -> String {
        guard let bytes else { return "-" }
        var value = bytes
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1000 { return "\(unit == "B" ? String(Int(value.rounded())) : threeDigits(value)) \(unit)" }
            value /= 1024
        }
        return "\(threeDigits(value)) TiB"
    }

    private static func threeDigits(_ value: Double) -> String {
        switch value {
        case ..<9.995: String(format: "%.2f", value)
        case ..<99.95: String(format: "%.1f", value)
        default: String(format: "%.0f", value)
        }
    }
}
