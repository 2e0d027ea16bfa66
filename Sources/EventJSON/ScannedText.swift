#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The bytes that a tape describes, wherever they live.
///
/// Either the tape keeps the array that owns them, and they are valid as long as the tape keeps it; or whoever called the
/// borrowing form of `parse` has promised to keep them in place.
@safe struct ScannedText: @unchecked Sendable {
    let base: UnsafePointer<UInt8>
    let count: Int
    /// Keeps the bytes alive; empty when they are borrowed.
    ///
    /// An array's buffer does not move while somebody holds the
    /// array, and nobody can write to it in place while two hold it.
    private let owner: ArraySlice<UInt8>

    /// The text of a tape that has parsed nothing.
    static let null = ScannedText(owning: ArraySlice("null".utf8))

    init(borrowing bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else {
            self = .null
            return
        }
        unsafe base = start.assumingMemoryBound(to: UInt8.self)
        count = bytes.count
        owner = []
    }

    init(owning bytes: ArraySlice<UInt8>) {
        guard let start = unsafe bytes.withUnsafeBufferPointer({ $0.baseAddress }), !bytes.isEmpty else {
            self = .null
            return
        }
        unsafe base = start
        count = bytes.count
        owner = bytes
    }

    var bytes: Span<UInt8> {
        @_lifetime(borrow self) get {
            let all = unsafe UnsafeBufferPointer(start: base, count: count)
            return unsafe _overrideLifetime(Span(_unsafeElements: all), borrowing: self)
        }
    }

    /// The bytes of `range`.
    @_lifetime(borrow self)
    func bytes(_ range: Range<Int>) -> Span<UInt8> {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        let part = unsafe UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
        return unsafe _overrideLifetime(Span(_unsafeElements: part), borrowing: self)
    }

    /// Whether the bytes of `range` are those of `other`.
    @inline(__always)
    func holds(_ other: Span<UInt8>, at start: Int) -> Bool {
        guard start + other.count <= count else { return false }
        return unsafe other.withUnsafeBufferPointer { wanted in
            guard let first = wanted.baseAddress else { return true }
            return unsafe memcmp(base + start, first, wanted.count) == 0
        }
    }

    /// Appends the bytes of `range`, as they are.
    @inline(__always)
    func copy(_ range: Range<Int>, into output: inout [UInt8]) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        unsafe output.append(
            contentsOf: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
        )
    }

    /// The bytes of `range` as text; they are UTF-8, as the scanner has seen.
    func string(_ range: Range<Int>) -> String {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe String(
            decoding: UnsafeBufferPointer(start: base + range.lowerBound, count: range.count),
            as: UTF8.self
        )
    }
}

extension [UInt8] {
    /// Appends the bytes of `span`.
    @inline(__always)
    mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
