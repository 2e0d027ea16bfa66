import EventModel
import HTTPTypes
import Synchronization
import Testing

@testable import AdminAPI
@testable import Catalog

@Suite(.timeLimit(.minutes(5))) struct LogCallTests {
    private static func lane(_ connection: Int64, _ number: UInt8, unread: Int64, holder: String?) -> LaneReport {
        LaneReport(
            source: SourceID(rawValue: 1),
            connection: ConsumerID(rawValue: connection),
            partition: PartitionID(source: SourceID(rawValue: 1), generation: 0, number: number),
            end: 100,
            unread: unread,
            bytes: unread * 10,
            bytesAreEstimate: unread > 50,
            age: unread > 0 ? Double(unread) : nil,
            parkedEvents: 1,
            parkedParts: 2,
            holder: holder,
            epoch: holder == nil ? nil : 4
        )
    }

    private static let lanes = [
        lane(1, 0, unread: 60, holder: "a"), lane(1, 1, unread: 5, holder: "b"), lane(2, 0, unread: 0, holder: "a"),
        lane(2, 1, unread: 7, holder: "b"),
    ]

    @Test func `Lanes are added up by source, connection or one by one`() {
        let bySource = Backlog.groups(Self.lanes, by: .source)
        #expect(bySource.map(\.unread) == [67] && bySource.map(\.bytes) == [670] && bySource.map(\.lanes) == [4])
        #expect(bySource[0].parked == 12 && bySource[0].age == 60 && bySource[0].bytesAreEstimate)
        #expect(bySource[0].holdings.map(\.holder) == ["a", "b"] && bySource[0].connection == nil)
        let byConnection = Backlog.groups(Self.lanes, by: .connection)
        #expect(byConnection.map(\.unread) == [65, 7] && byConnection.map(\.connection?.rawValue) == [1, 2])
        #expect(byConnection.map(\.parked) == [6, 6] && byConnection.map(\.bytesAreEstimate) == [true, false])
        let byLane = Backlog.groups(Self.lanes, by: .lane)
        #expect(byLane.map(\.unread) == [60, 5, 0, 7] && byLane.map(\.age) == [60, 5, nil, 7])
        #expect(byLane[1].holdings == [.init(partition: Self.lanes[1].partition, holder: "b", epoch: 4)])
    }

    @Test func `The log's calls answer as they are described, and refuse what they cannot read`() async throws {
        let asked = Mutex<[String]>([])
        let questions = LogQuestions(
            lanes: { filter, limit in
                asked.withLock { $0.append("\(filter.source?.rawValue ?? 0) \(filter.isBehind) \(limit)") }
                return Array(Self.lanes.prefix(limit))
            },
            partitions: {
                [PartitionReport(partition: PartitionID(source: $0, generation: 0, number: 0), first: 3, end: 9)]
            },
            events: { partition, from, since, limit in
                asked.withLock { $0.append("\(partition) \(from ?? -1) \(since ?? -1) \(limit)") }
                return [
                    LoggedEvent(offset: 3, acceptedAt: 0, receivedAt: 0, type: "track", body: Array("{\n}".utf8)),
                    LoggedEvent(offset: 4, count: 5, acceptedAt: 0, receivedAt: 0, type: "damaged", body: nil),
                ]
            },
            audit: { _, isDeep, within in
                asked.withLock { $0.append("\(isDeep) \(within)") }
                var report = AuditReport(checks: [.init(name: "counts", rule: "they add up", looked: 4)])
                report.add("counts", "partition 1.0.0", "they do not")
                return report
            }
        )
        let none = Reports.none
        let reports = Reports(
            timings: none.timings,
            counts: none.counts,
            refused: none.refused,
            log: questions
        )
        try await RunningAPI.with(reports: reports) { running in
            #expect(try await running.call(.put, "/sources/web", body: "{}").status == 201)
            let backlog = try await running.call(.get, "/log?by=connection&source=web&behind=true&limit=1")
            #expect(backlog.document["backlog"]?.elements?.count == 1)
            #expect(backlog.document["more"]?.content == .bool(true))
            let lanes = try await running.call(.get, "/lanes?limit=4")
            #expect(lanes.document["lanes"]?.elements?.count == 4)
            #expect(lanes.document["more"]?.content == .bool(false))
            let partitions = try await running.call(.get, "/log/partitions/web")
            #expect(partitions.document["partitions"]?.elements?[0]["partition"]?.string == "1.0.0")
            let events = try await running.call(.get, "/log/events/1.0.3?from=3&since=2026-11-22T14:30:00.5Z&limit=2")
            #expect(
                events.text.split(separator: "\n").map { $0.suffix(12) } == [
                    #"","event":{ }}"#.suffix(12), #","event":null}"#.suffix(12),
                ]
            )
            let audit = try await running.call(.get, "/audit?deep=true&within=5s")
            #expect(audit.document["faults"]?.elements?[0]["fault"]?.string == "they do not")
            #expect(
                asked.withLock(\.self) == [
                    "1 true 20001", "0 false 5", "1.0.3 3 1795357800500000 2", "true 5.0 seconds",
                ]
            )
            for path in [
                "/log?by=colour", "/log?limit=0", "/lanes?limit=2001", "/log/events/web", "/log/events/1.0",
                "/log/events/1.0.0?from=-1", "/log/events/1.0.0?since=yesterday", "/audit?within=1d",
                "/audit?deep=maybe", "/log?conection=web/crm",
            ] {
                #expect(try await running.call(.get, path).status == 400, "\(path)")
            }
            let misspelt = try await running.call(.get, "/audit?sorce=web")
            #expect(misspelt.status == 400 && misspelt.text.contains(#"no query parameter \"sorce\"; it takes source"#))
            for path in ["/log?source=app", "/lanes?connection=web/crm", "/log/partitions/app", "/log/events/1.0.4"] {
                #expect(try await running.call(.get, path).status == 404, "\(path)")
            }
        }
    }

    @Test func `Times are read as they are written`() {
        for moment in [0, 1_700_000_000_123_000, 951_782_400_000_000, 4_102_444_799_999_000, -1_000_000] as [Int64] {
            #expect(Timestamp.microseconds(Timestamp.text(microseconds: moment)) == moment)
        }
        #expect(Timestamp.microseconds("2023-11-14T22:13:20Z") == 1_700_000_000_000_000)
        #expect(Timestamp.microseconds("2023-11-15T00:13:20.000001+02:00") == 1_700_000_000_000_001)
        for text in ["", "2023-11-14", "2023-13-14T22:13:20Z", "2023-11-14T22:13:20", "2023-11-14T24:13:20Z"] {
            #expect(Timestamp.microseconds(text) == nil)
        }
    }
}
