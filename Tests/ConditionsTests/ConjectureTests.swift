import Conditions
import EventJSON
import EventModel
import Foundation
import TestSupport
import Testing

/// Random conditions asked of random events; every failure names the seed that makes it again.
///
/// `LEAT_FUZZ_FROM` and `LEAT_FUZZ_TIMES` give another first seed, and more of them.
@Suite struct ConjectureTests {
    private static func seeds(_ count: UInt64) -> ClosedRange<UInt64> {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["LEAT_FUZZ_FROM"].flatMap(UInt64.init) ?? 1
        let times = environment["LEAT_FUZZ_TIMES"].flatMap(UInt64.init) ?? 1
        return first...first + count * times - 1
    }

    @Test func `A condition says what its table says`() throws {
        var (asked, yes) = (0, 0)
        for seed in Self.seeds(20_000) {
            var guesser = Guesser(seed: seed)
            let event = guesser.event()
            let conjecture = guesser.conjecture(depth: 3)
            let text = conjecture.text(&guesser.random)
            let json = event.json(&guesser.random)
            let wanted = conjecture.holds(for: event)
            var tape = JSONTape()
            try tape.parse(Array(json.utf8))
            let condition = try Condition(parsing: text)
            #expect(condition.holds(in: tape) == wanted, "seed \(seed): \(text) of \(json)")
            asked += 1
            if wanted { yes += 1 }
            let directory = Prefilter(condition, hash: Self.hash).answer(
                type: guesser.type.rawValue,
                nameHash: guesser.type == .track ? guesser.name.map { Self.hash(Array($0.utf8)) } ?? 0 : 0
            )
            let isRight = directory == .open || (directory == .holds) == wanted
            #expect(isRight, "seed \(seed): the directory of \(json): \(text)")
        }
        // Both answers come often, or the test says little.
        #expect(yes * 10 > asked && yes * 10 < asked * 9, "\(yes)")
    }

    @Test func `Whatever is typed is read or refused, and never breaks anything`() {
        let pieces = [
            "event", "properties", ".", "[", "]", "\"a\"", "\"", "\\", "0", "12", "-", "e5", "(", ")", "!", "&&", "||",
            "&", "==", "!=", "<", "=", "in", "exists", "contains", "startsWith", " ", "\n", ",", "true", "null", "ß",
            "\u{0}",
        ]
        var read = 0
        for seed in Self.seeds(30_000) {
            var random = SplitMix(seed: seed)
            var text = ""
            if seed % 2 == 0 {
                let count = Int.random(in: 0..<14, using: &random)
                for _ in 0..<count { text += pieces.randomElement(using: &random) ?? "" }
            } else {
                // Something right, with a little damage.
                var guesser = Guesser(seed: seed)
                text = guesser.conjecture(depth: 2).text(&guesser.random)
                var scalars = Array(text.unicodeScalars)
                for _ in 0..<Int.random(in: 1..<3, using: &random) where !scalars.isEmpty {
                    let place = Int.random(in: scalars.indices, using: &random)
                    if Bool.random(using: &random) {
                        scalars.remove(at: place)
                    } else {
                        let piece = pieces.randomElement(using: &random) ?? ""
                        scalars.insert(contentsOf: piece.unicodeScalars, at: place)
                    }
                }
                text = String(String.UnicodeScalarView(scalars))
            }
            do throws(ConditionError) {
                _ = try Condition(parsing: text)
                read += 1
            } catch {
                let isInside = error.line >= 1 && (1...text.unicodeScalars.count + 1).contains(error.column)
                #expect(isInside && !error.found.isEmpty, "seed \(seed): \(text): \(error)")
            }
        }
        #expect(read > 1_000, "\(read)")
    }

    /// Any function of a name serves that gives equal names equal numbers; a poor one, so that different names meet too.
    private static func hash(_ name: [UInt8]) -> UInt64 { name.reduce(0) { ($0 &+ UInt64($1)) % 7 } + 1 }
}

/// Makes events and conditions of few names and values, so that they meet.
struct Guesser {
    var random: SplitMix
    private(set) var type = EventType.track
    /// The event's name, if it is a text.
    private(set) var name: String?

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    private static let names = ["a", "b", "größe", "weird key", "x.y", "in"]
    private static let texts = ["", "a", "b", "ab", "Order Completed", "ö\"\\", "😀"]

    mutating func event() -> Plain {
        type = EventType.allCases.randomElement(using: &random) ?? .track
        var members: [(String, Plain)] = [("type", .text(type.name))]
        if Int.random(in: 0..<4, using: &random) > 0 {
            let value = scalar()
            members.append(("event", value))
            if case .text(let text) = value { name = text }
        }
        for _ in 0..<Int.random(in: 0..<4, using: &random) { members.append((word(), value(depth: 3))) }
        return .object(members.shuffled(using: &random))
    }

    mutating func conjecture(depth: Int) -> Conjecture {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &random) {
        case 0: return .exists(path())
        case 1: return .among(path(), (0..<Int.random(in: 1..<4, using: &random)).map { _ in scalar() })
        case 2: return .compare(path(), ["startsWith", "endsWith"].randomElement(using: &random) ?? "", .text(text()))
        case 3, 4:
            let verbs = ["==", "!=", "<", "<=", ">", ">=", "contains"]
            return .compare(path(), verbs.randomElement(using: &random) ?? "", scalar())
        case 5: return .not(conjecture(depth: depth - 1))
        case 6: return .all((0..<Int.random(in: 1..<4, using: &random)).map { _ in conjecture(depth: depth - 1) })
        default: return .any((0..<Int.random(in: 1..<4, using: &random)).map { _ in conjecture(depth: depth - 1) })
        }
    }

    private mutating func path() -> [Conjecture.Key] {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return [.name("type")]
        case 1: return [.name("event")]
        default:
            var path: [Conjecture.Key] = [.name(word())]
            while Bool.random(using: &random) {
                path.append(Bool.random(using: &random) ? .name(word()) : .index(Int.random(in: 0..<3, using: &random)))
            }
            return path
        }
    }

    private mutating func value(depth: Int) -> Plain {
        switch Int.random(in: 0..<(depth > 0 ? 4 : 2), using: &random) {
        case 0, 1: return scalar()
        case 2: return .list((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(depth: depth - 1) })
        default:
            return .object((0..<Int.random(in: 0..<4, using: &random)).map { _ in (word(), value(depth: depth - 1)) })
        }
    }

    private mutating func scalar() -> Plain {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: .null
        case 1: .boolean(Bool.random(using: &random))
        case 2, 3:
            .number(
                [0, 1, -1, 10, 15, 100, 9_007_199_254_740_993].randomElement(using: &random) ?? 0,
                Int.random(in: -2...2, using: &random)
            )
        case 4: .text(EventType.allCases.randomElement(using: &random)?.name ?? "")
        default: .text(text())
        }
    }

    private mutating func word() -> String { Self.names.randomElement(using: &random) ?? "" }
    private mutating func text() -> String { Self.texts.randomElement(using: &random) ?? "" }
}
