import EventModel

/// Which secrets a request waits for, and where.
///
/// Found once, when the request is checked; the values are put in before each try.
package struct SecretUses: Equatable, Sendable {
    /// The secret for the header that it names itself.
    let authorization: String?
    /// The tokens that stand in the address or in a header, with the names of their secrets.
    let inHead: [String: String]
    /// Where in the body tokens stand, in order, with the names of their secrets.
    ///
    /// Offsets count from the body's beginning.
    let inBody: [(range: Range<Int>, name: String)]

    /// Nil for a request that needs none.
    init?(_ request: OutboundRequest, authorization reference: String, book: SecretBook) throws(DeliveryError) {
        let authorization = reference.isEmpty ? nil : book.tokens[reference] ?? reference
        if let name = authorization, !Self.isName(name) {
            throw .secret("the request asks for a secret by a text that is no name of one")
        }
        var inHead: [String: String] = [:]
        var inBody: [(range: Range<Int>, name: String)] = []
        if !book.tokens.isEmpty {
            guard !request.address.host.contains(SecretToken.prefix) else {
                throw .secret("a secret cannot stand in the host of the request's address")
            }
            for text in [request.url] + request.headers.map(\.value) {
                for spot in Self.spots(in: text.utf8.span, book) { inHead[spot.token] = spot.name }
            }
            inBody = Self.spots(in: request.body.span, book).map { ($0.range, $0.name) }
        }
        guard authorization != nil || !inHead.isEmpty || !inBody.isEmpty else { return nil }
        self.authorization = authorization
        self.inHead = inHead
        self.inBody = inBody
        for name in names {
            if case .refused(let reason) = book.standing(of: name) { throw .secret(reason) }
        }
    }

    /// Every secret that is needed.
    var names: Set<String> { Set(inHead.values).union(inBody.map(\.name)).union(authorization.map { [$0] } ?? []) }

    /// Whether the body carries one, which then may go to nobody else.
    var standsInBody: Bool { !inBody.isEmpty }

    package static func == (left: Self, right: Self) -> Bool {
        left.authorization == right.authorization && left.inHead == right.inHead
            && left.inBody.elementsEqual(right.inBody) { $0.range == $1.range && $0.name == $1.name }
    }

    private typealias Spot = (range: Range<Int>, token: String, name: String)

    private static func spots(in bytes: Span<UInt8>, _ book: SecretBook) -> [Spot] {
        let prefix = Array(SecretToken.prefix.utf8)
        var spots: [Spot] = []
        var start = 0
        let last = bytes.count - SecretToken.length
        while start <= last {
            var same = 0
            while same < prefix.count, bytes[start + same] == prefix[same] { same += 1 }
            guard same == prefix.count else {
                start += 1
                continue
            }
            let range = start..<start + SecretToken.length
            var token: [UInt8] = []
            for place in range { token.append(bytes[place]) }
            let text = String(decoding: token, as: UTF8.self)
            // One that is not ours is somebody's text.
            if let name = book.tokens[text] {
                spots.append((range, text, name))
                start = range.upperBound
            } else {
                start += 1
            }
        }
        return spots
    }

    private static func isName(_ text: String) -> Bool {
        (1...longestName).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x61...0x7A, 0x30...0x39, 0x2D: true
                default: false
                }
            }
    }

    /// - Unit: characters of `a-z`, `0-9` and `-`.
    private static let longestName = 63
}
