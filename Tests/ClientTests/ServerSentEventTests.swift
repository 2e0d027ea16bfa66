import Testing

@testable import leat

@Suite struct ServerSentEventTests {
    private static let text =
        ":\n\nid: 1\nevent: accepted\ndata: {\"a\":1}\n\ndata:x\ndata:  y\r\nother: z\n\nevent: none\n\n"

    @Test(arguments: 1...9) func `Messages are read wherever their text is cut`(size: Int) {
        var parser = ServerSentEventParser()
        var found: [ServerSentEvent] = []
        var rest = Array(Self.text.utf8)[...]
        while !rest.isEmpty {
            found += parser.take(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        #expect(
            found == [
                ServerSentEvent(kind: "accepted", data: "{\"a\":1}"), ServerSentEvent(kind: "message", data: "x\n y"),
            ]
        )
    }
}
