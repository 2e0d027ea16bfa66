import Catalog
import EventModel

// How a single event's way looks in an answer; `Description/Schemas+Paths.swift` says the same for programs.

extension EventPath {
    var document: Document {
        [
            "messageId": .text(messageId), "partitions": .integer(partitions), "since": .moment(sinceAt),
            "copies": .list(copies.map(\.document)),
        ]
    }
}

extension EventCopy {
    fileprivate var document: Document {
        [
            "source": .text(source), "partition": .text(partition), "offset": .integer(offset),
            "acceptedAt": .moment(acceptedAt), "receivedAt": .moment(receivedAt), "type": .text(type),
            "chunkEvents": .count(chunkEvents), "duplicateOf": .count(duplicateOf), "inLog": .truth(isInLog),
            "event": event?.document ?? nil, "consumers": .list(consumers.map(\.document)),
        ]
    }
}

extension EventConsumer {
    fileprivate var document: Document {
        [
            "connection": .text(connection), "consumer": .integer(consumer), "state": .text(state),
            "outcome": .text(outcome), "outcomeBasis": .text(outcomeBasis.rawValue),
            "plugins": .list(plugins.map(\.document)), "pluginsBasis": .text(pluginsBasis.rawValue),
            "passes": .list(passes.map(\.document)), "deadLetters": .list(deadLetters.map(\.document)),
            "parked": .list(parked.map(\.document)), "note": .text(note),
        ]
    }
}

extension PathPlugin {
    var document: Document {
        [
            "plugin": .text(plugin), "version": .text(version), "sha256": .text(digest), "configHash": .text(config),
            "rule": .text(rule), "ofSource": .truth(isOfSource ?? false),
        ]
    }
}

extension PathPayload {
    var document: Document { ["text": .text(text), "bytes": .integer(bytes), "whole": .truth(isWhole)] }
}

extension EventPass {
    fileprivate var document: Document {
        [
            "basis": .text(basis.rawValue), "cause": .text(cause), "outcome": .text(outcome), "part": .count(part),
            "code": .text(code), "reason": .text(reason), "nextAttemptAt": .moment(nextAttemptAt),
            "readAt": .moment(readAt), "endedAt": .moment(endedAt), "writtenAt": .moment(writtenAt),
            "node": .text(node), "stages": .list(stages.map(\.document)), "sends": .list(sends.map(\.document)),
            "requests": .list(requests.map(\.document)),
        ]
    }
}

extension PathStage {
    fileprivate var document: Document {
        [
            "stage": .text(stage), "plugin": plugin.document, "startedAt": .moment(startedAt),
            "seconds": .number(microseconds.map { Double($0) / 1e6 }), "events": .count(events),
            "verdict": .text(verdict), "asked": .count(asked), "before": before?.document ?? nil,
            "beforeBasis": .text(beforeBasis?.rawValue), "parts": .list(parts.map(\.document)),
            "partsBasis": .text(partsBasis?.rawValue), "partCount": .integer(partCount),
            "differences": comparisons.map { .list($0.map(\.differences)) } ?? nil,
            "comparisons": comparisons.map { .list($0.map(\.document)) } ?? nil, "note": .text(note),
        ]
    }
}

extension PathComparison {
    fileprivate var differences: Document { places.map { .list($0.map(\.document)) } ?? nil }

    fileprivate var document: Document {
        ["from": .count(from), "compared": .truth(places != nil), "more": .integer(more), "note": .text(note)]
    }
}

extension PathDifference {
    var document: Document {
        ["pointer": .text(pointer), "before": .text(before), "after": .text(after)]
    }
}

extension PathSend {
    fileprivate var document: Document {
        [
            "parts": .list(parts.map { .integer($0) }), "carried": .integer(carried), "ending": .text(ending),
            "attempts": .list(attempts.map(\.document)),
        ]
    }
}

extension PathRequest {
    fileprivate var document: Document {
        [
            "method": .text(method), "url": .text(url), "headers": .list(headers.map(\.document)),
            "body": .text(body), "bodyBytes": .integer(bodyBytes),
        ]
    }
}

extension PathHeader {
    fileprivate var document: Document { ["name": .text(name), "value": .text(value)] }
}

extension PathAttempt {
    fileprivate var document: Document {
        [
            "number": .integer(number), "at": Timestamp.document(at), "seconds": .number(Double(microseconds) / 1e6),
            "firstByteSeconds": .number(firstByteMicroseconds.map { Double($0) / 1e6 }), "code": .text(code),
            "answer": .text(answer), "answerHeaders": .list((answerHeaders ?? []).map(\.document)),
            "request": request?.document ?? nil,
        ]
    }
}

extension PathLetter {
    fileprivate var document: Document {
        [
            "part": .count(part), "diedAt": Timestamp.document(diedAt), "stage": .text(stage), "code": .text(code),
            "reason": .text(reason), "plugin": .text(plugin), "attempts": .integer(attempts),
        ]
    }
}

extension PathParked {
    fileprivate var document: Document {
        [
            "part": .count(part), "attempts": .integer(attempts), "code": .text(code),
            "nextAttemptAt": .moment(nextAttemptAt),
        ]
    }
}

extension Document {
    fileprivate static func moment(_ microseconds: Int64?) -> Document {
        microseconds.map { Timestamp.document($0) } ?? nil
    }

    fileprivate static func count(_ value: (some BinaryInteger)?) -> Document { value.map { .integer($0) } ?? nil }
}
