import Catalog
import HTTPTypes

extension AdminAPI {
    var nodeOperations: [Operation] { [listNodes, drainNode, undrainNode] }

    private var listNodes: Operation {
        Operation(
            method: .get,
            path: "/nodes",
            id: "listNodes",
            group: "nodes",
            summary: "Lists the nodes: who lives, who is drained, and how many partitions each holds.",
            answers: [.ok("The nodes, by name, and how many partitions there are.", Schemas.reference("Nodes"))]
        ) { _ in
            let (partitions, all) = try await nodes.list()
            return .json(["partitions": .integer(partitions), "nodes": .list(all.map(\.document))])
        }
    }

    private var drainNode: Operation {
        Operation(
            method: .put,
            path: "/nodes/{node}/drain",
            id: "drainNode",
            group: "nodes",
            summary: "Lets a node hand over its partitions and take none until that is undone; it accepts events.",
            queries: [
                .init(
                    name: "force",
                    schema: Schemas.flag(default: false),
                    meaning: "Also where no other node could run the lanes, so that events wait."
                )
            ],
            answers: [.done("It hands over what it has.")],
            refusals: [.badRequest, .notFound, .conflict]
        ) { call in
            let isForced = try call.flag("force") ?? false
            let node = try await node(call)
            guard try await nodes.drain(node, .drain(isForced: isForced), call.who) else {
                throw APIError(
                    .conflict,
                    "only_node",
                    "\"\(node.name)\" is the only node that can run lanes, so every event would wait. Start another node "
                        + "first, or force it (--force, force=true)."
                )
            }
            return .nothing
        }
    }

    private var undrainNode: Operation {
        Operation(
            method: .delete,
            path: "/nodes/{node}/drain",
            id: "undrainNode",
            group: "nodes",
            summary: "Lets a node take partitions again.",
            answers: [.done("It takes its part.")],
            refusals: [.notFound, .conflict]
        ) { call in
            _ = try await nodes.drain(try await node(call), .undo, call.who)
            return .nothing
        }
    }

    /// The node that the path names, by its identity or by a name that no other has.
    private func node(_ call: APICall) async throws -> NodeReport {
        let name = try call.name("node")
        let all = try await nodes.list().nodes
        if let node = all.first(where: { $0.identity == name }) { return node }
        let named = all.filter { $0.name == name }
        guard let node = named.first else { throw APIError.notFound("node", name) }
        guard named.count == 1 else {
            let identities = named.map(\.identity).joined(separator: ", ")
            throw APIError(
                .conflict,
                "several_nodes",
                "\(named.count) nodes are called \"\(name)\"; give the identity of one of them instead: \(identities)."
            )
        }
        return node
    }
}
