import EventModel

/// Where one source's events are gathered, over the changes of its partitions.
struct GatherPlaces {
    private var generation: UInt16?
    private var current: [Gather] = []
    /// Of earlier generations, as long as something of theirs is on its way.
    private var earlier: [Gather] = []

    /// The gathers of the newest generation that was ever asked for, so that what is known late changes nothing; nil
    /// while events of earlier ones are on their way.
    mutating func gathers(of wanted: Generation, _ make: (PartitionID) -> Gather) -> [Gather]? {
        if generation.map({ $0 < wanted.number }) ?? true {
            earlier += current
            current = wanted.partitionIDs.map(make)
            generation = wanted.number
        }
        if !earlier.isEmpty { earlier.removeAll(where: \.isIdle) }
        return earlier.isEmpty ? current : nil
    }
}
