import Catalog
import Conditions
import EventModel

// How each thing looks in an answer; `Description/Schemas.swift` says the same for programs.

extension CatalogSnapshot {
    func document(of source: Source) -> Document {
        [
            "name": .text(source.name),
            "id": .integer(source.id.rawValue),
            "enabled": .truth(source.enabled),
            "partitions": .integer(source.partitions),
            "generation": .integer(source.generation),
            "closedGenerations": .list(
                source.closed.map { ["generation": .integer($0.number), "partitions": .integer($0.partitions)] }
            ),
            "limits": source.limits.document,
            "transformations": .list(source.transformations.map(\.shown)),
            "writeKeys": .list(writeKeys(of: source.id).map(\.document)),
        ]
    }

    func document(of connection: Connection) -> Document {
        let document: Document = [
            "name": .text(name(of: connection)),
            "id": .integer(connection.id.rawValue),
            "source": .text(source(connection.source)?.name),
            "destination": .text(destination(connection.destination)?.name),
            "enabled": .truth(connection.enabled),
            "lag": .text(connection.lag.rawValue),
            "trace": ["sample": .number(connection.sample)],
            "transformations": .list(connection.transformations.map(\.shown)),
        ]
        return connection.selection.members.reduce(document) { $0.adding($1.key, $1.value) }
    }

    /// A plugin with all its versions.
    func document(ofPlugin id: String) -> Document {
        let versions = plugins.filter { $0.id == id }
        return [
            "id": .text(id),
            "kind": .text(versions.first?.kind.rawValue),
            "active": .text(versions.first(where: \.active)?.version),
            "versions": .list(versions.map(\.document)),
        ]
    }

    /// The name of a source or a connection that may be gone by now.
    func name(ofSource id: SourceID) -> String { source(id)?.name ?? "removed-\(id)" }
    func name(ofConnection id: ConsumerID) -> String { connection(id).map(name(of:)) ?? "removed-\(id)" }
}

extension Transformation {
    fileprivate var shown: Document {
        let document: Document = ["plugin": .text(plugin.description), "config": .stored(config)]
        return when.map { document.adding("when", .text($0.text)) } ?? document
    }
}

extension Document {
    /// A configuration as it is kept: JSON text that was canonical when it was written.
    fileprivate static func stored(_ json: String) -> Document { (try? Document.json(json)) ?? nil }
}

extension WriteKey {
    var document: Document {
        ["id": .text(id), "hint": .text(hint), "createdAt": Timestamp.document(createdAt)]
    }
}

extension Destination {
    var document: Document {
        [
            "name": .text(name),
            "id": .integer(id.rawValue),
            "connector": .text(connector.description),
            "config": .stored(config),
            "limits": limits.document,
            "transport": transport.document,
            "enabled": .truth(enabled),
            "state": .text(state.name),
            "pausedAt": state.halt.map { Timestamp.document($0.at) } ?? nil,
            "pausedBy": .text(state.halt?.by),
            "pauseReason": .text(state.halt?.reason),
            "drainUntil": state.until.map(Timestamp.document) ?? nil,
        ]
    }
}

extension PluginVersion {
    var document: Document {
        [
            "version": .text(version),
            "sha256": .text(digest.rawValue),
            "size": .integer(size),
            "uploadedAt": Timestamp.document(uploadedAt),
            "active": .truth(active),
        ]
    }
}

extension Token {
    var document: Document { ["name": .text(name), "createdAt": Timestamp.document(createdAt)] }
}

extension Applied {
    var document: Document {
        [
            "changes": .list(plan.lines.map { .text($0) }),
            "writeKeys": .list(generatedKeys.map { ["source": .text($0.source), "key": .text($0.key)] }),
            "revision": .integer(revision),
        ]
    }
}

extension PluginTimings {
    var document: Document {
        [
            "plugin": .text(plugin),
            "version": .text(version),
            "creationSeconds": creation.document,
            "executionSeconds": execution.document,
            "inputBytes": input.document,
            "failures": .object(failures.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) }),
        ]
    }
}

extension Quantiles {
    fileprivate var document: Document {
        ["count": .integer(count), "p50": .number(p50), "p90": .number(p90), "p99": .number(p99), "max": .number(max)]
    }
}

extension StageCounts {
    func document(in snapshot: CatalogSnapshot) -> Document {
        [
            "sources": .list(
                sources.map {
                    [
                        "source": .text(snapshot.name(ofSource: $0.source)),
                        "accepted": .integer($0.accepted),
                        "refused": .integer($0.refused),
                    ]
                }
            ),
            "connections": .list(connections.map { $0.document(name: snapshot.name(ofConnection: $0.connection)) }),
        ]
    }
}

extension StageCounts.OfConnection {
    fileprivate func document(name: String) -> Document {
        [
            "connection": .text(name),
            "read": .integer(counts.read),
            "unread": .integer(unread),
            "expired": .integer(expired),
            "duplicates": .integer(counts.duplicates),
            "filtered": .integer(counts.filtered),
            "dropped": .integer(counts.dropped),
            "reasons": .object(reasons.events.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) }),
            "failed": .integer(counts.failed),
            "transformed": .integer(counts.transformed),
            "emitted": .integer(counts.emitted),
            "delivered": .integer(counts.delivered),
            "deadLettered": .integer(counts.deadLettered),
            "waiting": .integer(counts.waiting),
        ]
    }
}

extension RefusedReport {
    func document(in snapshot: CatalogSnapshot) -> Document {
        [
            "source": .text(snapshot.name(ofSource: source)),
            "at": Timestamp.document(at),
            "code": .text(code),
            "message": .text(message),
            "event": .text(event),
        ]
    }
}
