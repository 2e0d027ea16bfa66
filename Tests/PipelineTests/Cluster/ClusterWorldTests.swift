import Foundation
import TestSupport
import Testing

/// A cluster of nodes on one database, with faults of every kind, played by ten thousand seeds.
///
/// A seed that fails is named in the failure. `LEAT_CLUSTER_SEED=4711 swift test … --filter ClusterWorldTests` plays that one
/// alone and tells what happens in it; `LEAT_CLUSTER_SEEDS=100000` plays so many instead of ten thousand.
@Suite(.serialized) struct ClusterWorldTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seeds = environment["LEAT_CLUSTER_SEEDS"].flatMap { Int($0) } ?? 10_000
    private static let only = environment["LEAT_CLUSTER_SEED"].flatMap { UInt64($0) }
    private static let shares = 8

    @Test(arguments: 0..<shares)
    func `Whatever fails when, on whichever node, all is there, in order, and twice only what may be`(
        share: Int
    ) async {
        var seeds = (0..<Self.seeds).filter { $0 % Self.shares == share }.map { UInt64($0) }
        if let only = Self.only { seeds = share == 0 ? [only] : [] }
        let played = seeds
        let problems = await Background.run { played.compactMap(Self.play) }
        #expect(problems.isEmpty, "\(problems.prefix(20).joined(separator: "\n"))")
    }

    /// What is wrong in the world of a seed, or nil.
    private static func play(_ seed: UInt64) -> String? {
        let world = ClusterWorld(seed: seed)
        if only != nil {
            world.reader.trace = { [unowned world] in print("\(world.steps) \(world.now): \($0)") }
        }
        world.run()
        if only != nil { print("seed \(seed): \(world.plan), \(world.steps) steps, \(world.reader.tally)") }
        guard !world.reader.problems.isEmpty else { return nil }
        return "seed \(seed): \(world.reader.problems.joined(separator: "; "))"
    }

    @Test(arguments: ClusterFlaw.allCases)
    func `A flaw in the nodes or the database is found out`(flaw: ClusterFlaw) async {
        let isFound = await Background.run {
            (0..<Self.seedsOfFlaw).contains { seed in
                let world = ClusterWorld(seed: seed, flaw: flaw)
                world.run()
                return !world.reader.problems.isEmpty
            }
        }
        #expect(isFound)
    }

    /// One of so many seeds has to find a flaw; the rest of them is not played then.
    private static let seedsOfFlaw: UInt64 = 4_000
}
