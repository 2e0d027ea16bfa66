/// What an audit of the log looked at, each partition as of one moment, and what does not add up.
package struct AuditReport: Equatable, Sendable {
    /// One rule, how much it was held against, and how often it was broken.
    package struct Check: Equatable, Sendable {
        package let name: String
        /// The rule in one sentence.
        package let rule: String
        package var looked: Int64 = 0
        package var faults: Int64 = 0

        package init(name: String, rule: String, looked: Int64 = 0, faults: Int64 = 0) {
            self.name = name
            self.rule = rule
            self.looked = looked
            self.faults = faults
        }
    }

    /// One thing that does not add up, and where.
    package struct Fault: Equatable, Sendable {
        package let check: String
        package let place: String
        package let sentence: String

        package init(check: String, place: String, sentence: String) {
            self.check = check
            self.place = place
            self.sentence = sentence
        }
    }

    package var checks: [Check]
    package var faults: [Fault] = []
    /// Partitions that were looked at, of how many there are; fewer when the time was up.
    package var partitions: Int64 = 0
    package var allPartitions: Int64 = 0
    /// Whether everything was looked at that there is.
    package var isComplete = false
    /// - Unit: seconds.
    package var duration: Double = 0

    /// The most faults that are told one by one; all are counted.
    package static let maximumFaults = 200

    package init(checks: [Check]) { self.checks = checks }

    package var faultCount: Int64 { checks.reduce(0) { $0 + $1.faults } }

    /// Counts what a check was held against.
    package mutating func look(_ check: String, at count: Int64 = 1) {
        guard let index = checks.firstIndex(where: { $0.name == check }) else { return }
        checks[index].looked += count
    }

    package mutating func add(_ check: String, _ place: String, _ sentence: String) {
        guard let index = checks.firstIndex(where: { $0.name == check }) else { return }
        checks[index].faults += 1
        guard faults.count < Self.maximumFaults else { return }
        faults.append(Fault(check: check, place: place, sentence: sentence))
    }
}
