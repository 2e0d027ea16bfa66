import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import AdminAPI
@testable import Catalog

@Suite(.timeLimit(.minutes(2))) struct NodeTests {
    private static func node(_ name: String, _ identity: String) -> NodeReport {
        NodeReport(
            identity: identity,
            name: name,
            address: "127.0.0.1:8080",
            version: "0.1.0",
            since: 1_000_000,
            lastSeen: 2_000_000,
            state: "alive",
            isDraining: false,
            partitions: 4
        )
    }

    @Test func `Nodes are listed, drained and undrained by name, or by identity where several have the name`()
        async throws
    {
        let asked = Mutex<[String]>([])
        let desk = NodeDesk(
            list: { (12, [Self.node("left", "a"), Self.node("twin", "b"), Self.node("twin", "c")]) },
            drain: { node, wish, who in
                asked.withLock { $0.append("\(node.identity) \(wish) \(who)") }
                return node.identity != "a" || wish != .drain(isForced: false)
            }
        )
        try await RunningAPI.with(nodes: desk) { running in
            let list = try await running.call(.get, "/nodes")
            #expect(list.document["partitions"]?.integer == 12)
            #expect(list.document["nodes"]?.elements?.compactMap { $0["identity"]?.string } == ["a", "b", "c"])

            let only = try await running.call(.put, "/nodes/left/drain")
            #expect(only.status == 409 && only.code == "only_node" && only.text.contains("--force"))
            #expect(try await running.call(.put, "/nodes/left/drain?force=true").status == 204)
            #expect(try await running.call(.delete, "/nodes/left/drain").status == 204)
            #expect(try await running.call(.put, "/nodes/c/drain").status == 204)
            let twins = try await running.call(.put, "/nodes/twin/drain")
            #expect(twins.status == 409 && twins.code == "several_nodes" && twins.text.contains("b, c"))
            #expect(try await running.call(.put, "/nodes/nobody/drain").status == 404)
            #expect(try await running.call(.put, "/nodes/left/drain?force=perhaps").status == 400)
            #expect(try await running.call(.get, "/nodes", token: .some(nil)).status == 401)
        }
        #expect(
            asked.withLock { $0.map { $0.split(separator: " ").first.map(String.init) } } == ["a", "a", "a", "c"]
        )
    }
}

extension Document {
    /// A whole number.
    fileprivate var integer: Int64? {
        guard case .number(let word) = content else { return nil }
        return Int64(word)
    }
}
