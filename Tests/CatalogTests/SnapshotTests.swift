import EventModel
import Testing

@testable import Catalog

@Suite struct SnapshotTests {
    @Test func `A write key finds its source, and no other text does`() throws {
        let snapshot = try PlanTests.snapshot()
        #expect(snapshot.source(forWriteKey: PlanTests.webKey)?.name == "web")
        #expect(snapshot.source(forWriteKey: PlanTests.webKey + "x") == nil)
        #expect(snapshot.source(forWriteKey: "") == nil)
    }

    @Test func `A reference without a version follows the active one`() throws {
        let snapshot = try PlanTests.snapshot()
        #expect(snapshot.plugin(PluginReference(id: "com.example.mask"))?.version == "1.0.0")
        #expect(snapshot.plugin(PluginReference(id: "com.example.mask", version: "1.1.0"))?.active == false)
        #expect(snapshot.plugin(PluginReference(id: "com.example.idle")) == nil)
    }

    @Test func `A token is known by its hash alone`() {
        let token = Secret.token()
        let kept = Token(hash: SecretHash(of: token), name: "first", createdAt: 0)
        let snapshot = CatalogSnapshot(revision: 1, tokens: [kept])
        #expect(snapshot.tokenName(for: token) == "first")
        #expect(snapshot.tokenName(for: token.dropLast() + "!") == nil)
    }

    @Test func `Generated secrets are long, distinct and usable`() {
        let keys = (0..<100).map { _ in Secret.writeKey() }
        #expect(Set(keys).count == 100)
        #expect(keys.allSatisfy { Secret.isWriteKey($0) && $0.utf8.count == 32 })
        #expect(Secret.token().hasPrefix("leat_"))
    }

    @Test func `A source's partitions are packed as the log packs them`() {
        let source = Source(id: SourceID(rawValue: 5), name: "a", enabled: true, partitions: 2, generation: 1)
        #expect(source.partitionIDs.map(\.rawValue) == [5 << 24 | 1 << 8, 5 << 24 | 1 << 8 | 1])
    }
}
