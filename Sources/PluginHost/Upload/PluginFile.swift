/// What a plugin's file must be before anything tries to load it: read by bounds-checked arithmetic over the bytes,
/// without mapping or trusting any of it.
///
/// This keeps nonsense and accidents out and gives an author a clear sentence; what protects the host is the worker.
/// - Source: System V ABI, chapter 5 (program loading and dynamic linking); `elf.h`.
package struct PluginFile: Equatable, Sendable {
    /// The longest file that is taken, in bytes: a static Swift library with Foundation has 70 MB.
    package static let mostBytes = 128 * 1024 * 1024
    /// The most memory that a file may ask to be mapped, in bytes.
    package static let mostMappedBytes: UInt64 = 1024 * 1024 * 1024

    /// The libraries that the file asks for, by name.
    package let needed: [String]

    /// Looks through a file.
    ///
    /// - Throws: The first reason why it is not taken.
    package static func vet(_ bytes: [UInt8], entry: String) throws(PluginFileError) -> PluginFile {
        guard bytes.count <= mostBytes else { throw .tooLarge(bytes: bytes.count) }
        let image = ELFBytes(bytes)
        try checkHead(image)
        let segments = try segments(of: image)
        try check(segments, fileBytes: UInt64(bytes.count))
        let dynamic = try ELFDynamic(image, segments)
        try check(dynamic)
        try checkEntry(entry, dynamic, segments)
        return PluginFile(needed: dynamic.needed)
    }

    // MARK: The head

    private static let classes: [UInt8: String] = [1: "32 bit", 2: "64 bit"]
    private static let machines: [UInt16: String] = [3: "i386", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv"]
    #if arch(x86_64)
    private static let hostMachine: UInt16 = 62
    #else
    private static let hostMachine: UInt16 = 183
    #endif

    private static func checkHead(_ image: ELFBytes) throws(PluginFileError) {
        guard image.count >= 4, image.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { throw .notELF }
        guard let kind = image.byte(4), let order = image.byte(5), let type = image.word16(16),
            let machine = image.word16(18), image.count >= ELFBytes.headBytes
        else { throw .truncated("its head") }
        guard kind == 2 else { throw .wrongClass(classes[kind] ?? "class \(kind)") }
        guard order == 1 else { throw .wrongOrder }
        guard machine == hostMachine else {
            throw .wrongMachine(
                file: machines[machine] ?? "machine \(machine)",
                host: machines[hostMachine] ?? "machine \(hostMachine)"
            )
        }
        guard type == 3 else { throw .notShared }
    }

    // MARK: The segments

    private static let mostSegments = 64

    private static func segments(of image: ELFBytes) throws(PluginFileError) -> [ELFSegment] {
        guard let table = image.word64(32), let size = image.word16(54), let count = image.word16(56) else {
            throw .truncated("its head")
        }
        guard size == UInt16(ELFSegment.bytes), count > 0, Int(count) <= mostSegments else {
            throw .damaged("its table of segments has \(count) entries of \(size) bytes")
        }
        var segments: [ELFSegment] = []
        for number in 0..<UInt64(count) {
            let (start, overflow) = table.addingReportingOverflow(number * UInt64(ELFSegment.bytes))
            guard !overflow, let segment = ELFSegment(image, at: start) else {
                throw .truncated("its table of segments")
            }
            segments.append(segment)
        }
        return segments
    }

    private static func check(_ segments: [ELFSegment], fileBytes: UInt64) throws(PluginFileError) {
        var mapped: UInt64 = 0
        var end: UInt64 = 0
        for segment in segments {
            guard segment.fileCount <= fileBytes, segment.offset <= fileBytes - segment.fileCount else {
                throw .truncated("a segment lies beyond its end")
            }
            if segment.kind == .threadLocal, segment.memoryCount > 64 * 1024 {
                throw .damaged("it asks for \(segment.memoryCount) bytes for each thread")
            }
            if segment.kind == .stack, segment.isExecutable { throw .executableStack }
            guard segment.kind == .load else { continue }
            guard segment.memoryCount >= segment.fileCount, segment.memoryCount <= mostMappedBytes else {
                throw .segmentTooLarge(bytes: segment.memoryCount)
            }
            mapped += segment.memoryCount
            guard mapped <= mostMappedBytes else { throw .segmentTooLarge(bytes: mapped) }
            guard segment.address >= end, segment.address <= UInt64.max / 2 else {
                throw .damaged("its segments overlap or are not in order")
            }
            end = segment.address + segment.memoryCount
            guard segment.address % ELFSegment.page == segment.offset % ELFSegment.page else {
                throw .damaged("a segment does not lie on its page")
            }
            if segment.isWritable, segment.isExecutable { throw .writableCode }
        }
        guard segments.contains(where: { $0.kind == .load }) else { throw .damaged("it has nothing to load") }
        guard segments.contains(where: { $0.kind == .stack }) else { throw .executableStack }
    }

    // MARK: What it asks of the loader

    private static func check(_ dynamic: ELFDynamic) throws(PluginFileError) {
        for name in dynamic.needed where name.contains("/") || name.isEmpty {
            throw .dependencyNotAllowed(name)
        }
        let refused: [(ELFDynamic.Tag, String)] = [
            (.textRelocations, "relocations in its code"), (.audit, "an audit library"),
            (.dependencyAudit, "an audit library"), (.filter, "a filter library"), (.auxiliary, "an auxiliary library"),
            (.preinitArray, "functions before its start"),
        ]
        for (tag, what) in refused where dynamic.value(tag) != nil { throw .loaderFeature(what) }
        // DF_TEXTREL, the newer way to say the same.
        if let flags = dynamic.value(.flags), flags & 4 != 0 { throw .loaderFeature("relocations in its code") }
    }

    private static func checkEntry(
        _ entry: String,
        _ dynamic: ELFDynamic,
        _ segments: [ELFSegment]
    ) throws(PluginFileError) {
        guard let symbol = try dynamic.symbol(entry) else { throw .noEntry(entry) }
        let isCode = segments.contains { segment in
            segment.kind == .load && segment.isExecutable && symbol.address >= segment.address
                && symbol.address - segment.address < segment.memoryCount
        }
        guard symbol.isFunction, symbol.isDefined, isCode else { throw .entryIsNoFunction(entry) }
    }
}
