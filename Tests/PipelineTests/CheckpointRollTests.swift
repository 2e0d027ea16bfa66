import EventLog
import EventModel
import Testing

@testable import Pipeline

@Suite struct CheckpointRollTests {
    private static let body = [UInt8](repeating: 0, count: 1024 * 1024)

    private func lane(_ number: Int) -> LaneID {
        LaneID(
            partition: PartitionID(source: SourceID(rawValue: 1), generation: 0, number: UInt8(number)),
            consumer: ConsumerID(rawValue: 1)
        )
    }

    /// What a lane publishes that has buried so many events.
    private func checkpoint(letters: Int, of body: [UInt8] = []) -> LaneCheckpoint {
        let letter = LaneDeadLetter(
            offset: 0,
            sliceTime: 0,
            part: nil,
            userHash: 0,
            stage: .deliver,
            code: "http_400",
            reason: "",
            plugin: PluginLabel(id: "", version: ""),
            before: body,
            after: nil,
            attempts: []
        )
        return LaneCheckpoint(
            position: 0,
            beyond: [],
            counts: Counts(),
            expired: 0,
            parked: [],
            released: [],
            deadLetters: Array(repeating: letter, count: letters)
        )
    }

    /// A roll of ten lanes that always have as much to commit again, and which of them each of five rounds takes.
    private func rounds(_ checkpoint: LaneCheckpoint) -> [[LaneID]] {
        var roll = CheckpointRoll()
        let ledgers = (0..<10).map { _ in LaneLedger(LaneSettings()) }
        for (number, ledger) in ledgers.enumerated() {
            let lease = Lease(partition: lane(number).partition, epoch: 1)
            roll.enter(lane(number), ledger, lease, after: LaneRecord(lane: lane(number), number: 7))
        }
        return (0..<5).map { _ in
            for (number, ledger) in ledgers.enumerated() where ledger.isEmpty {
                ledger.publish(checkpoint)
                roll.fill(lane(number))
            }
            return roll.gather(except: []).map(\.lane)
        }
    }

    @Test func `A batch of large rows is bounded by its bytes, and all lanes have their turn`() {
        let rounds = rounds(checkpoint(letters: 16, of: Self.body))
        #expect(rounds.allSatisfy { $0.count == 4 })
        for start in 0...2 { #expect(Set(rounds[start..<start + 3].joined()).count == 10) }
    }

    @Test func `A batch of many rows is bounded by their number, and all lanes have their turn`() {
        let rounds = rounds(checkpoint(letters: 2_000))
        #expect(rounds.allSatisfy { $0.count == 2 })
        #expect(Set(rounds.joined()).count == 10)
    }

    @Test func `A lane that has nothing, waits for an answer or is over gives nothing, and commits are numbered`() {
        var roll = CheckpointRoll()
        let ledgers = (0..<4).map { _ in LaneLedger(LaneSettings()) }
        for (number, ledger) in ledgers.enumerated() {
            let lease = Lease(partition: lane(number).partition, epoch: 1)
            roll.enter(lane(number), ledger, lease, after: LaneRecord(lane: lane(number), number: 7))
            guard number > 0 else { continue }
            ledger.publish(checkpoint(letters: 1))
            roll.fill(lane(number))
        }
        roll.end(lane(1))
        #expect(roll.gather(except: [lane(2)]).map(\.lane) == [lane(3)])
        ledgers[3].publish(checkpoint(letters: 1))
        roll.fill(lane(3))
        let pages = roll.gather(except: [])
        #expect(Set(pages.map(\.lane)) == [lane(2), lane(3)])
        #expect(pages.map(\.number).sorted() == [8, 9])
    }

    @Test func `A ledger is full by the number of dead letters or by their bytes, until they are taken`() {
        let ledger = LaneLedger(LaneSettings())
        for more in [checkpoint(letters: 1_999), checkpoint(letters: 15, of: Self.body)] {
            ledger.publish(more)
            #expect(!ledger.isFull)
            ledger.publish(checkpoint(letters: 1, of: Self.body))
            #expect(ledger.isFull)
            #expect(ledger.take() != nil)
            #expect(!ledger.isFull)
        }
    }

    @Test func `Progress that the database may have lost is committed once more, as far as it was known`() {
        var roll = CheckpointRoll()
        let ledgers = (0..<3).map { _ in LaneLedger(LaneSettings()) }
        for (number, ledger) in ledgers.enumerated() {
            let lease = Lease(partition: lane(number).partition, epoch: 1)
            roll.enter(lane(number), ledger, lease, after: LaneRecord(lane: lane(number), number: 7))
        }
        func publish(_ number: Int, at position: Int64) {
            var news = checkpoint(letters: 1)
            news.position = position
            ledgers[number].publish(news)
            roll.fill(lane(number))
        }
        for number in 0..<2 { publish(number, at: 5) }
        for page in roll.gather(except: []) { roll.commit(page) }
        #expect(roll.isEmpty)
        // One has committed nothing, and one has more to commit.
        publish(1, at: 9)
        roll.doubt()
        let pages = roll.gather(except: [])
        #expect(pages.map(\.lane) == [lane(0), lane(1)])
        #expect(pages.map(\.checkpoint.position) == [5, 9] && pages.map(\.number) == [9, 9])
        #expect(pages.map(\.checkpoint.deadLetters.count) == [0, 1])
        for page in pages { roll.commit(page) }
        #expect(roll.isEmpty && roll.gather(except: []).isEmpty)
        // What is on its way meanwhile comes after it.
        roll.doubt()
        #expect(roll.gather(except: [lane(0)]).map(\.lane) == [lane(1)])
        #expect(roll.gather(except: []).map(\.lane) == [lane(0)])
        roll.end(lane(0))
        roll.doubt()
        #expect(roll.gather(except: []).map(\.lane) == [lane(1)])
    }
}
