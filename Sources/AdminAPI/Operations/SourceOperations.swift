import Catalog
import HTTPTypes

extension AdminAPI {
    var sourceOperations: [Operation] {
        [listSources, readSource, putSource, deleteSource, addWriteKey, revokeWriteKey]
    }

    private var listSources: Operation {
        Operation(
            method: .get,
            path: "/sources",
            id: "listSources",
            group: "sources",
            summary: "Lists the sources, each with its write keys' hints.",
            answers: [.ok("The sources, by age.", Schemas.list("sources", of: "Source"))]
        ) { _ in
            let snapshot = catalog.current
            return .json(["sources": .list(snapshot.sources.map(snapshot.document(of:)))])
        }
    }

    private var readSource: Operation {
        Operation(
            method: .get,
            path: "/sources/{source}",
            id: "readSource",
            group: "sources",
            summary: "Shows one source.",
            answers: [.ok("The source.", Schemas.reference("Source"))],
            refusals: [.notFound]
        ) { call in
            let snapshot = catalog.current
            return .json(snapshot.document(of: try source(named: call.name("source"), in: snapshot)))
        }
    }

    private var putSource: Operation {
        Operation(
            method: .put,
            path: "/sources/{source}",
            id: "putSource",
            group: "sources",
            summary: "Creates a source or changes it. A new source without keys gets one, shown in this answer only.",
            body: .json(Schemas.reference("SourceWish")),
            answers: [
                .ok("It was there; these are the changes.", Schemas.reference("Applied")),
                .created("It was created; the key is shown this once.", Schemas.reference("Applied")),
            ],
            refusals: [.badRequest, .contentTooLarge, .unprocessableContent]
        ) { call in
            let name = try call.name("source")
            let source = try await call.entry(named: ["name": name]) { document, path, problems in
                DeclaredSource(reading: document, at: path, &problems)
            }
            return try await apply(Declaration(sources: [source]), call)
        }
    }

    private var deleteSource: Operation {
        Operation(
            method: .delete,
            path: "/sources/{source}",
            id: "deleteSource",
            group: "sources",
            summary: "Removes a source and its write keys. Connections must be removed before.",
            answers: [.done("It is gone.")],
            refusals: [.notFound, .conflict]
        ) { call in
            let name = try call.name("source")
            _ = try await catalog.change(by: call.who) { snapshot throws(CatalogError) in
                guard let source = snapshot.source(named: name) else { throw .missing(noun: "source", name: name) }
                let users = snapshot.connections(of: source.id).map(snapshot.name(of:))
                guard users.isEmpty else { throw .inUse(noun: "source", name: name, by: users) }
                return [.removeSource(source.id, name: name)]
            }
            return .nothing
        }
    }

    private var addWriteKey: Operation {
        Operation(
            method: .post,
            path: "/sources/{source}/write-keys",
            id: "addWriteKey",
            group: "sources",
            summary: "Makes another write key for a source, shown in this answer only.",
            answers: [.created("The key, shown this once.", Schemas.reference("Applied"))],
            refusals: [.notFound]
        ) { call in
            let name = try call.name("source")
            let applied = try await catalog.change(by: call.who) { snapshot throws(CatalogError) in
                guard snapshot.source(named: name) != nil else { throw .missing(noun: "source", name: name) }
                return [.generateWriteKey(source: name)]
            }
            return .json(applied.document, status: .created)
        }
    }

    private var revokeWriteKey: Operation {
        Operation(
            method: .delete,
            path: "/sources/{source}/write-keys/{key}",
            id: "revokeWriteKey",
            group: "sources",
            summary: "Revokes a write key by its id; whoever sends with it is refused from then on.",
            answers: [.done("It is revoked.")],
            refusals: [.notFound]
        ) { call in
            let name = try call.name("source")
            let id = try call.name("key")
            _ = try await catalog.change(by: call.who) { snapshot throws(CatalogError) in
                guard let source = snapshot.source(named: name) else { throw .missing(noun: "source", name: name) }
                guard let key = snapshot.writeKeys(of: source.id).first(where: { $0.id == id }) else {
                    throw .missing(noun: "write key", name: id)
                }
                return [.removeWriteKey(source: name, hash: key.hash, hint: key.hint)]
            }
            return .nothing
        }
    }

    func source(named name: String, in snapshot: CatalogSnapshot) throws(APIError) -> Source {
        guard let source = snapshot.source(named: name) else { throw .notFound("source", name) }
        return source
    }

    /// Applies a declaration of one entry; 201 when that entry is new.
    func apply(_ declaration: Declaration, _ call: APICall) async throws -> APIAnswer {
        let applied = try await catalog.apply(declaration, by: call.who)
        return .json(applied.document, status: applied.plan.createsEntry ? .created : .ok)
    }
}

extension Plan {
    /// Whether a source, a destination or a connection comes into being.
    fileprivate var createsEntry: Bool {
        changes.contains { change in
            switch change {
            case .addSource, .addDestination, .addConnection: true
            default: false
            }
        }
    }
}
