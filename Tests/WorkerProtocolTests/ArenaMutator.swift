import Glibc
import Synchronization

/// A thread that writes nonsense into memory that someone else reads, as a hostile worker would.
@safe final class ArenaMutator {
    @safe private final class Shared: @unchecked Sendable {
        let memory: UnsafeMutableRawBufferPointer
        let positions: [Int]
        let isStopped = Atomic<Bool>(false)
        init(_ memory: UnsafeMutableRawBufferPointer, _ positions: [Int]) {
            unsafe self.memory = memory
            self.positions = positions
        }
    }

    private let shared: Shared
    private var thread = pthread_t()

    init(_ memory: UnsafeMutableRawBufferPointer, positions: [Int]) throws {
        unsafe shared = Shared(memory, positions)
        let argument = unsafe Unmanaged.passRetained(shared).toOpaque()
        let result = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let shared = unsafe Unmanaged<Shared>.fromOpaque(argument).takeRetainedValue()
                var random = SplitMix(state: 7)
                while !shared.isStopped.load(ordering: .relaxed) {
                    guard let position = shared.positions.randomElement(using: &random) else { break }
                    unsafe shared.memory[position] = UInt8.random(in: 0...255, using: &random)
                }
                return nil
            },
            argument
        )
        if result != 0 { throw Failure() }
    }

    struct Failure: Error {}

    func stop() {
        shared.isStopped.store(true, ordering: .relaxed)
        _ = pthread_join(thread, nil)
    }
}
