import EventModel

/// The message ids of one partition that a node remembers, and the answer that it is working out.
///
/// A value without log: chunks and what was read of the log go in, answers and what to read next come out. Answers follow
/// from the log alone, whatever was asked before and whatever could not be read.
struct PartitionWindows: Sendable {
    /// What an answer needs next.
    enum Step: Equatable {
        /// The indexes of the chunk's events that repeat an earlier one, ascending.
        case answer([Int])
        /// What earlier generations have of the partition's users since a time.
        case inheritance(since: Int64)
        /// Directories, in order, of the chunks that lie before the one that was asked for.
        case directories(from: Int64, notBefore: Int64)
    }

    private struct Search {
        let chunk: Chunk
        var window: MessageWindow
        /// Where the window's answers began before the search; nil for a new window.
        let from: Int64?
        /// Nothing older is asked for.
        var time: Int64
    }

    /// How many places of one partition are remembered at a time.
    private static let places = 2

    /// - Unit: microseconds.
    let length: Int64
    /// The newest first; more than one only while somebody reads far behind the others.
    private var windows: [MessageWindow] = []
    private var search: Search?
    /// The chunk whose window waits for what it inherits.
    private var beginning: Chunk?

    init(length: Int64) { self.length = length }

    /// The message ids that memory is held for.
    var room: Int { windows.reduce(0) { $0 + $1.room } }

    /// The shortest window, or `.max`.
    var shortened: Int64 { windows.compactMap(\.shortened).min() ?? .max }

    /// Shortens windows until they fit into `share` together.
    mutating func shorten(to share: Int) {
        for index in windows.indices { windows[index].makeRoom(share / windows.count) }
    }

    // MARK: Answers

    /// Asks for a chunk's duplicates; `limit` is the most message ids that all windows may remember.
    mutating func begin(_ chunk: Chunk, limit: @autoclosure () -> Int) -> Step {
        if let known = windows.first(where: { $0.knows(firstOffset: chunk.firstOffset, count: chunk.count) }) {
            return .answer(known.answers(firstOffset: chunk.firstOffset, count: chunk.count))
        }
        guard let index = windows.firstIndex(where: { max($0.from, $0.next) <= chunk.firstOffset }) else {
            beginning = chunk
            return .inheritance(since: chunk.sliceTime - length)
        }
        let window = windows.remove(at: index)
        search = Search(chunk: chunk, window: window, from: window.from, time: chunk.sliceTime - length)
        return goOn(limit: limit())
    }

    /// Begins a window that knows what earlier generations have for it, and nothing yet of the chunk's own partition.
    mutating func inherit(_ inherited: InheritedMessages?, limit: @autoclosure () -> Int) -> Step {
        guard let chunk = beginning else { return .answer([]) }
        beginning = nil
        let window = MessageWindow(length: length, from: chunk.firstOffset, inherited: inherited)
        search = Search(chunk: chunk, window: window, from: nil, time: chunk.sliceTime - length)
        return goOn(limit: limit())
    }

    /// Takes the directories in that were asked for, or the first of them; `isAll` if there are no more.
    mutating func take(_ directories: [ChunkDirectory], isAll: Bool, limit: @autoclosure () -> Int) -> Step {
        let parts = parts
        for directory in directories {
            if let entries = directory.entries {
                search?.window.take(
                    firstOffset: directory.firstOffset,
                    time: directory.sliceTime,
                    entries,
                    limit: limit() / parts
                )
            } else {
                search?.window.pass(
                    firstOffset: directory.firstOffset,
                    time: directory.sliceTime,
                    count: directory.count
                )
            }
            search?.time = directory.sliceTime
        }
        return isAll ? finish(limit: limit()) : goOn(limit: limit())
    }

    /// Gives up an answer for which the log could not be read.
    ///
    /// A window that has left chunks out on the way would answer wrongly for those behind them, and a new one that has
    /// not come to its beginning would do so later, so these are forgotten.
    mutating func abandon() {
        if let search, search.window.from == search.from { windows.insert(search.window, at: 0) }
        search = nil
        beginning = nil
    }

    private var parts: Int { min(windows.count + 1, Self.places) }

    private mutating func goOn(limit: @autoclosure () -> Int) -> Step {
        // Bound whole, the window would be copied when it is changed.
        guard let next = search?.window.next, let end = search?.chunk.firstOffset, let time = search?.time, next < end
        else { return finish(limit: limit()) }
        return .directories(from: max(next, 0), notBefore: time)
    }

    private mutating func finish(limit: @autoclosure () -> Int) -> Step {
        guard var search = search.take() else { return .answer([]) }
        let chunk = search.chunk
        // Chunks were left out that are too old for this one, but not for those on the way to it.
        if let from = search.from, search.window.from > from {
            search.window.forgetAnswers(before: chunk.firstOffset)
        }
        let parts = parts
        search.window.take(
            firstOffset: chunk.firstOffset,
            time: chunk.sliceTime,
            chunk.entries,
            limit: limit() / parts
        )
        let answer = search.window.answers(firstOffset: chunk.firstOffset, count: chunk.count)
        windows.insert(search.window, at: 0)
        if windows.count > Self.places { windows.removeLast() }
        return .answer(answer)
    }
}
