import CPostgreSQL

/// Calls `body` with a null-terminated array of C strings, valid during the call.
func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    var bytes: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
        offsets.append(bytes.count)
        bytes.append(contentsOf: string.utf8.lazy.map { CChar(bitPattern: $0) })
        bytes.append(0)
    }
    return unsafe bytes.withUnsafeBufferPointer { buffer in
        var pointers: [UnsafePointer<CChar>?] = unsafe []
        for offset in offsets { unsafe pointers.append(buffer.baseAddress.map { unsafe $0 + offset }) }
        unsafe pointers.append(nil)
        return unsafe pointers.withUnsafeBufferPointer { list in
            guard let base = list.baseAddress else { fatalError("a terminated list is never empty") }
            return unsafe body(base)
        }
    }
}

/// Whether libpq can read the address; asked first, because its own complaint repeats parts of the text.
func isReadable(_ address: String) -> Bool {
    var complaint: UnsafeMutablePointer<CChar>?
    let options = unsafe PQconninfoParse(address, &complaint)
    if let complaint = unsafe complaint { unsafe PQfreemem(complaint) }
    guard let options = unsafe options else { return false }
    unsafe PQconninfoFree(options)
    return true
}

/// libpq's last sentence about the connection, on one line.
///
/// It never holds the password.
func lastMessage(_ connection: OpaquePointer) -> String {
    guard let text = unsafe PQerrorMessage(connection) else { return "" }
    let lines = unsafe String(cString: text).split(separator: "\n").map { line in
        line.drop { $0 == " " || $0 == "\t" }
    }
    return lines.joined(separator: "; ")
}
