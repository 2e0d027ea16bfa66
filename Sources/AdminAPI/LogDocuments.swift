import Catalog
import EventModel

// How the log looks in an answer; `Description/Schemas+Log.swift` says the same for programs.

extension Backlog {
    func document(in snapshot: CatalogSnapshot) -> Document {
        [
            "source": .text(snapshot.name(ofSource: source)),
            "connection": .text(connection.map(snapshot.name(ofConnection:))),
            "partition": .text(partition?.description),
            "lanes": .integer(lanes),
            "unread": .integer(unread),
            "bytes": .integer(bytes),
            "bytesAreEstimate": .truth(bytesAreEstimate),
            "oldestSeconds": .number(age),
            "lagSeconds": .number(lag),
            "parked": .integer(parked),
            "partitions": .list(
                holdings.map {
                    [
                        "partition": .text($0.partition.description), "holder": .text($0.holder),
                        "epoch": $0.epoch.map { .integer($0) } ?? nil,
                    ]
                }
            ),
        ]
    }
}

extension LaneReport {
    func document(in snapshot: CatalogSnapshot) -> Document {
        [
            "connection": .text(snapshot.name(ofConnection: connection)),
            "partition": .text(partition.description),
            "start": start.map { .integer($0) } ?? nil,
            "position": position.map { .integer($0) } ?? nil,
            "end": .integer(end),
            "settledBeyond": .integer(settledBeyond),
            "unread": .integer(unread),
            "bytes": .integer(bytes),
            "bytesAreEstimate": .truth(bytesAreEstimate),
            "oldestSeconds": .number(age),
            "lagSeconds": .number(lag),
            "parkedEvents": .integer(parkedEvents),
            "parkedParts": .integer(parkedParts),
            "parkedSeconds": .number(parkedAge),
            "state": .text(state),
            "holder": .text(holder),
            "epoch": epoch.map { .integer($0) } ?? nil,
            "checkpointSeconds": .number(committedAge),
        ]
    }
}

extension PartitionReport {
    var document: Document {
        ["partition": .text(partition.description), "first": .integer(first), "end": .integer(end)]
    }
}

extension LoggedEvent {
    /// One line of JSON in which the event stands as it was accepted.
    func line(_ partition: PartitionID) -> String {
        let head: Document = [
            "partition": .text(partition.description), "offset": .integer(offset), "count": .integer(count),
            "acceptedAt": Timestamp.document(acceptedAt), "receivedAt": Timestamp.document(receivedAt),
            "type": .text(type),
        ]
        // A JSON text holds line ends between its values only.
        let text = body.map { String(decoding: $0.map { $0 == 10 || $0 == 13 ? 32 : $0 }, as: UTF8.self) }
        return "\(head.json.dropLast()),\"event\":\(text ?? "null")}"
    }
}

extension AuditReport {
    var document: Document {
        [
            "complete": .truth(isComplete),
            "partitions": .integer(partitions),
            "allPartitions": .integer(allPartitions),
            "seconds": .number(duration),
            "checks": .list(
                checks.map {
                    [
                        "check": .text($0.name), "rule": .text($0.rule), "looked": .integer($0.looked),
                        "faults": .integer($0.faults),
                    ]
                }
            ),
            "faults": .list(
                faults.map { ["check": .text($0.check), "place": .text($0.place), "fault": .text($0.sentence)] }
            ),
        ]
    }
}
