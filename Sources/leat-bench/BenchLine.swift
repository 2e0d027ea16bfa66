import EventJSON
import Foundation

/// One figure, as it is printed: a line of JSON.
///
/// - Shape: `{"bench","unit","value","reference","ratio","pairs","commit"}`. Value and reference are the medians of their
///   runs, the ratio is the median of the ratios of the pairs; without a reference, it and the ratio are null.
struct BenchLine {
    let bench: String
    let unit: String
    let pairs: Pairs

    init(bench: String, unit: String, pairs: Pairs) {
        (self.bench, self.unit, self.pairs) = (bench, unit, pairs)
    }

    /// A figure that stands alone.
    init(bench: String, unit: String, values: [Double]) {
        self.init(bench: bench, unit: unit, pairs: Pairs(values: values))
    }

    var text: String {
        var line: [UInt8] = []
        line += "{\"bench\":".utf8
        line.appendJSON(bench)
        line += ",\"unit\":".utf8
        line.appendJSON(unit)
        for (name, number) in [("value", pairs.value), ("reference", pairs.reference), ("ratio", pairs.ratio)] {
            line += ",\"\(name)\":".utf8
            if name == "value" || pairs.hasReference {
                line.appendJSON(Self.rounded(number))
            } else {
                line += "null".utf8
            }
        }
        line += ",\"pairs\":\(pairs.count),\"commit\":".utf8
        line.appendJSON(Self.commit)
        line.append(UInt8(ascii: "}"))
        return String(decoding: line, as: UTF8.self)
    }

    /// Prints the line.
    func emit() { print(text) }

    /// Four digits: more would only be noise.
    private static func rounded(_ number: Double) -> Double {
        guard number > 0, number.isFinite else { return number }
        let scale = pow(10, 3 - floor(log10(number)))
        return (number * scale).rounded() / scale
    }

    /// The commit that is measured: what `LEAT_COMMIT` says, or what is checked out where the bench runs.
    private static let commit: String = {
        if let given = ProcessInfo.processInfo.environment["LEAT_COMMIT"] { return given }
        let git = Process()
        let output = Pipe()
        git.executableURL = URL(filePath: "/usr/bin/env")
        git.arguments = ["git", "describe", "--always", "--dirty", "--exclude=*"]
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        guard (try? git.run()) != nil else { return "unknown" }
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        git.waitUntilExit()
        let name = String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return git.terminationStatus == 0 && !name.isEmpty ? name : "unknown"
    }()
}
