import CLeatPlugin
import EventJSON

extension StagePointer {
    /// The part of the configuration that an RFC 6901 pointer names; a null slice when there is none.
    ///
    /// - Source: RFC 6901, sections 3 and 4: "/" separates, "~1" is "/", "~0" is "~", an array takes a plain number.
    func configuration(at jsonPointer: String) -> leat_slice {
        let whole = unsafe pointer.pointee.configuration
        if jsonPointer.isEmpty { return unsafe whole }
        guard jsonPointer.utf8.first == UInt8(ascii: "/") else {
            return unsafe .empty
        }
        var node = unsafe pointer.pointee.configurationTape.root
        for token in jsonPointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard let next = unsafe pointer.pointee.configurationTape.step(from: node, Self.unescaped(token)) else {
                return unsafe .empty
            }
            node = next
        }
        let range = unsafe pointer.pointee.configurationTape.range(of: node)
        return unsafe leat_slice(UnsafeRawBufferPointer(rebasing: whole.bytes[range]))
    }

    private static func unescaped(_ token: Substring) -> [UInt8] {
        var name: [UInt8] = []
        var isEscaped = false
        for byte in token.utf8 {
            switch (isEscaped, byte) {
            case (false, UInt8(ascii: "~")): isEscaped = true
            case (true, UInt8(ascii: "0")): name.append(UInt8(ascii: "~"))
            case (true, UInt8(ascii: "1")): name.append(UInt8(ascii: "/"))
            default: name.append(byte)
            }
            if byte != UInt8(ascii: "~") { isEscaped = false }
        }
        return name
    }
}

extension JSONTape {
    /// The member or element of `node` that one token of a pointer names.
    fileprivate func step(from node: JSONNode, _ token: [UInt8]) -> JSONNode? {
        switch kind(node) {
        case .object: return member(of: node, key: token.span)
        case .array:
            let hasLeadingZero = token.count > 1 && token.first == UInt8(ascii: "0")
            guard !hasLeadingZero, token.allSatisfy({ (0x30...0x39).contains($0) }),
                let index = Int(String(decoding: token, as: UTF8.self))
            else { return nil }
            return element(of: node, at: index)
        default: return nil
        }
    }
}
