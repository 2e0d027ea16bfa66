/// What a shared object tells the loader: libraries, flags, and its symbols by hash.
struct ELFDynamic {
    enum Tag: UInt64 {
        case needed = 1
        case hash = 4
        case stringTable = 5
        case symbolTable = 6
        case stringCount = 10
        case textRelocations = 22
        case flags = 30
        case preinitArray = 32
        case gnuHash = 0x6FFF_FEF5
        case auxiliary = 0x7FFF_FFFD
        case filter = 0x7FFF_FFFF
        case dependencyAudit = 0x6FFF_FEFB
        case audit = 0x6FFF_FEFC
    }

    struct Symbol {
        let address: UInt64
        let isFunction: Bool
        let isDefined: Bool
    }

    private let image: ELFBytes
    private let segments: [ELFSegment]
    private var values: [Tag: UInt64] = [:]
    private(set) var needed: [String] = []

    /// The most entries that are read; a real file has about thirty.
    private static let mostEntries = 4_096

    init(_ image: ELFBytes, _ segments: [ELFSegment]) throws(PluginFileError) {
        self.image = image
        self.segments = segments
        guard let segment = segments.first(where: { $0.kind == .dynamic }) else { throw .notShared }
        let count = Int(min(segment.fileCount / 16, UInt64(Self.mostEntries)))
        var names: [UInt64] = []
        for number in 0..<count {
            let place = segment.offset + UInt64(number) * 16
            guard let tag = image.word64(place), let value = image.word64(place + 8) else {
                throw .truncated("its dynamic section")
            }
            if tag == 0 { break }
            guard let tag = Tag(rawValue: tag) else { continue }
            if tag == .needed { names.append(value) } else { values[tag] = value }
        }
        guard names.count <= 256 else { throw .damaged("it needs \(names.count) libraries") }
        for name in names { needed.append(try string(name)) }
    }

    func value(_ tag: Tag) -> UInt64? { values[tag] }

    /// Looks a symbol up as the loader would, in this file alone.
    func symbol(_ name: String) throws(PluginFileError) -> Symbol? {
        if let table = values[.gnuHash] { return try gnuSymbol(name, offset(table)) }
        guard let table = values[.hash], let count = image.word32(try offset(table) + 4) else {
            throw .damaged("it has no table of symbols")
        }
        for index in 1..<max(1, min(UInt64(count), UInt64(image.count / 24))) {
            if let symbol = try symbol(at: index, named: name) { return symbol }
        }
        return nil
    }

    private func gnuSymbol(_ name: String, _ table: UInt64) throws(PluginFileError) -> Symbol? {
        guard let bucketCount = image.word32(table), let first = image.word32(table + 4),
            let bloomCount = image.word32(table + 8), bucketCount > 0
        else { throw .truncated("its table of symbols") }
        var hash: UInt32 = 5381
        for byte in name.utf8 { hash = hash &* 33 &+ UInt32(byte) }
        let buckets = table + 16 + UInt64(bloomCount) * 8
        let chains = buckets + UInt64(bucketCount) * 4
        guard var index = image.word32(buckets + UInt64(hash % bucketCount) * 4) else {
            throw .truncated("its table of symbols")
        }
        guard index >= first else { return nil }
        // A chain ends at a set lowest bit; a damaged one at the end of the file.
        while let link = image.word32(chains + UInt64(index - first) * 4) {
            if link | 1 == hash | 1, let symbol = try symbol(at: UInt64(index), named: name) { return symbol }
            if link & 1 != 0 { return nil }
            guard index < UInt32.max else { break }
            index += 1
        }
        throw .damaged("its table of symbols has no end")
    }

    private func symbol(at index: UInt64, named name: String) throws(PluginFileError) -> Symbol? {
        guard let table = values[.symbolTable] else { throw .damaged("it has no table of symbols") }
        let place = try offset(table) + index * 24
        guard let nameOffset = image.word32(place), let info = image.byte(place + 4),
            let section = image.word16(place + 6), let address = image.word64(place + 8)
        else { throw .truncated("its table of symbols") }
        guard try string(UInt64(nameOffset)) == name else { return nil }
        return Symbol(address: address, isFunction: info & 15 == 2, isDefined: section != 0 && section < 0xFF00)
    }

    private func string(_ offset: UInt64) throws(PluginFileError) -> String {
        guard let table = values[.stringTable], let count = values[.stringCount], offset < count else {
            throw .damaged("a name lies outside its table")
        }
        guard let text = image.text(try self.offset(table) + offset) else { throw .truncated("its names") }
        return text
    }

    /// Where in the file an address lies.
    private func offset(_ address: UInt64) throws(PluginFileError) -> UInt64 {
        for segment in segments where segment.kind == .load {
            if address >= segment.address, address - segment.address < segment.fileCount {
                return segment.offset + (address - segment.address)
            }
        }
        throw .damaged("an address lies in no segment")
    }
}
