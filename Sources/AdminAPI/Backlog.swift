import EventModel

/// What several lanes together have still to read.
struct Backlog: Equatable {
    /// Who runs the lanes of one partition.
    struct Holding: Equatable {
        let partition: PartitionID
        let holder: String?
        let epoch: Int64?
    }

    let source: SourceID
    let connection: ConsumerID?
    let partition: PartitionID?
    private(set) var lanes: Int64 = 0
    private(set) var unread: Int64 = 0
    private(set) var bytes: Int64 = 0
    private(set) var bytesAreEstimate = false
    /// - Unit: seconds.
    private(set) var age: Double?
    private(set) var lag: Double?
    private(set) var parked: Int64 = 0
    private(set) var holdings: [Holding] = []

    /// What lanes are gathered by.
    enum Grouping: String, CaseIterable {
        case source, connection, lane
    }

    private struct Key: Hashable {
        let source: SourceID
        let connection: ConsumerID?
        let partition: PartitionID?
    }

    /// The lanes in groups, in the order in which each group's first lane comes.
    ///
    /// A source's partition has as much unread as the slowest of its lanes, since no event is there more than once; what
    /// is parked is added up, since each connection keeps its own.
    static func groups(_ reports: [LaneReport], by grouping: Grouping) -> [Backlog] {
        var order: [Key] = []
        var members: [Key: [LaneReport]] = [:]
        for report in reports {
            let key = Key(
                source: report.source,
                connection: grouping == .source ? nil : report.connection,
                partition: grouping == .lane ? report.partition : nil
            )
            if members[key] == nil { order.append(key) }
            members[key, default: []].append(report)
        }
        return order.map { Backlog($0, members[$0] ?? []) }
    }

    private init(_ key: Key, _ reports: [LaneReport]) {
        source = key.source
        connection = key.connection
        partition = key.partition
        var slowest: [PartitionID: LaneReport] = [:]
        for report in reports {
            lanes += 1
            parked += report.parkedEvents + report.parkedParts
            if let found = slowest[report.partition] {
                if found.unread < report.unread { slowest[report.partition] = report }
            } else {
                slowest[report.partition] = report
                holdings.append(Holding(partition: report.partition, holder: report.holder, epoch: report.epoch))
            }
        }
        for report in slowest.values {
            unread += report.unread
            bytes += report.bytes
            bytesAreEstimate = bytesAreEstimate || report.bytesAreEstimate
        }
        age = reports.compactMap(\.age).max()
        lag = reports.compactMap(\.lag).max()
    }
}
