import Glibc

/// The system's random numbers, taken many at a time: a call into the kernel costs as much as reading a short event.
struct RandomWords: RandomNumberGenerator {
    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if let word = words.popLast() { return word }
        words = unsafe Array(unsafeUninitializedCapacity: Self.count) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            unsafe arc4random_buf(start, Self.count * MemoryLayout<UInt64>.size)
            count = Self.count
        }
        return words.removeLast()
    }

    private static let count = 32
}
